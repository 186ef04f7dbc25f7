"""A relay on loopback that counts the bytes of every connection through it, whatever they are."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

_PIECE = 256 * 1024


class Relay:
    """Passes connections on to `host:port`, from entering until leaving the `with` block."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.forget()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits in accept() keeps the socket open after close().
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for connection in self._open:
                connection.close()

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def forget(self) -> None:
        """Begin to count anew."""
        self.to_client = self.from_client = 0

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._upstream)
                with self._lock:
                    self._open += [client, server]
                for source, target, to_client in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pump, args=(source, target, to_client), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, to_client: bool) -> None:  # noqa: FBT001  # a thread's argument
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                with self._lock:
                    if to_client:
                        self.to_client += len(piece)
                    else:
                        self.from_client += len(piece)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
