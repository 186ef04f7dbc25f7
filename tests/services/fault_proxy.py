"""A reverse proxy on loopback that can be told to misbehave: put it between a client and a real service.

    with FaultProxy("http://127.0.0.1:5000") as proxy:
        proxy.answer(503, path=r"/manifests/", times=2, headers={"Retry-After": "3"})
        client_of(proxy.address)                       # fails twice, then is served
        assert proxy.count("PUT", r"/blobs/uploads/") == 1

Faults are tried in the order in which they were planned; one that has struck `times` times is over.
The client's `Host` header is passed on, so addresses that the service builds from it lead through the proxy again
and signatures over it (AWS SigV4) stay valid. Upgraded connections (web sockets, `docker exec`) are not relayed.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

import pytest

from pratique.errors import Transient

_PIECE = 64 * 1024
_HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection"}


@dataclass(frozen=True)
class Seen:
    """One request as it reached the proxy; `status` is what was answered, 0 where the connection was dropped."""

    method: str
    path: str
    headers: Mapping[str, str]
    status: int


@dataclass
class Fault:
    """What happens to the next `times` requests that match."""

    act: Callable[[_Handler], bool | None]
    """Gives True where the request is dealt with; otherwise it goes on to the service."""
    method: str | None
    path: re.Pattern[str]
    times: int
    body: re.Pattern[bytes] | None = None
    struck: int = field(default=0)

    def strikes(self, handler: _Handler) -> bool:
        if self.struck >= self.times or self.method not in (None, handler.command) or not self.path.search(handler.path):
            return False
        return self.body is None or self.body.search(handler.whole_body()) is not None


class FaultProxy:
    """The proxy; runs from entering until leaving the `with` block."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or parts.port is None:
            raise ValueError(f"write the upstream as http://host:port, not {upstream!r}")
        self.upstream = (str(parts.hostname), parts.port)
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._seen: list[Seen] = []
        self._server = _Server(self)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.close_connections()
        self._server.server_close()

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def answer(
        self,
        status: int,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
        path: str = "",
        times: int = 1,
    ) -> Fault:
        """Answer in the service's place."""
        return self._plan(lambda handler: handler.answer(status, headers or {}, body), method, path, times)

    def delay(self, seconds: float, *, method: str | None = None, path: str = "", times: int = 1) -> Fault:
        """Pass the request on late."""
        return self._plan(lambda _: time.sleep(seconds), method, path, times)

    def drop(self, *, method: str | None = None, path: str = "", times: int = 1) -> Fault:
        """Reset the connection instead of answering."""
        return self._plan(lambda handler: handler.drop(), method, path, times)

    def before(
        self,
        action: Callable[[], None],
        *,
        method: str | None = None,
        path: str = "",
        times: int = 1,
        body: bytes | None = None,
    ) -> Fault:
        """Do something just before the request is passed on: where a test needs an event in between two requests.

        `body` is a pattern too, for services that name what is asked for there; the request is then read whole before.
        """
        return self._plan(lambda _: action(), method, path, times, body)

    def heal(self) -> None:
        """Forget every planned fault."""
        with self._lock:
            self._faults.clear()

    @property
    def seen(self) -> tuple[Seen, ...]:
        """Every request answered so far."""
        with self._lock:
            return tuple(self._seen)

    def count(self, method: str | None = None, path: str = "") -> int:
        """How many requests of that method whose path (with its query) the pattern is found in."""
        return sum(method in (None, one.method) and re.search(path, one.path) is not None for one in self.seen)

    def forget(self) -> None:
        """Begin a new record of requests."""
        with self._lock:
            self._seen.clear()

    def _plan(
        self, act: Callable[[_Handler], bool | None], method: str | None, path: str, times: int, body: bytes | None = None
    ) -> Fault:
        fault = Fault(act, method, re.compile(path), times, re.compile(body) if body is not None else None)
        with self._lock:
            self._faults.append(fault)
        return fault

    def _take(self, handler: _Handler) -> Fault | None:
        with self._lock:
            fault = next((fault for fault in self._faults if fault.strikes(handler)), None)
            if fault is not None:
                fault.struck += 1
            return fault

    def _record(self, seen: Seen) -> None:
        with self._lock:
            self._seen.append(seen)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self._open: set[socket.socket] = set()

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]  # typeshed allows for datagrams
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]  # as above
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End kept-alive connections: their threads would wait for a next request."""
        for connection in tuple(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that goes away in the middle is what tests of faults do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart, and would wait for each other's acknowledgement
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
        """Nothing: `FaultProxy.seen` is the log."""

    def handle_any(self) -> None:
        self._read: bytes | None = None
        fault = self.server.proxy._take(self)
        if not (fault and fault.act(self)):
            self._relay()

    # The base class looks its methods up by these names; LIST is Vault's.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_LIST = handle_any  # noqa: N815

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> bool:
        # What is left unread of a request would make the kernel reset the connection before the answer is read.
        for _ in self._body():
            pass
        self._record(status)
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def drop(self) -> bool:
        self._record(0)
        self.close_connection = True
        # Linger 0 makes the close a reset, which no client mistakes for an empty answer.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        return True

    def _record(self, status: int) -> None:
        # Before the answer is sent: whoever has the answer finds the request on record.
        self.server.proxy._record(Seen(self.command, self.path, dict(self.headers), status))

    def _relay(self) -> None:
        upstream = HTTPConnection(*self.server.proxy.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    upstream.putheader(name, value)
            chunked = self._chunked(self.headers.get("Transfer-Encoding"))
            if chunked:
                upstream.putheader("Transfer-Encoding", "chunked")
            upstream.endheaders()
            for piece in self._body():
                upstream.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                upstream.send(b"0\r\n\r\n")
            response = upstream.getresponse()
        except (OSError, HTTPException):
            upstream.close()
            self.drop()
            return
        with ExitStack() as stack:
            stack.callback(upstream.close)
            stack.callback(response.close)
            self._record(response.status)
            self._pass_back(response)

    def _pass_back(self, response: HTTPResponse) -> None:
        chunked = self._chunked(response.headers.get("Transfer-Encoding"))
        self.send_response_only(response.status, response.reason)
        for name, value in response.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif "Content-Length" not in response.headers:
            self.send_header("Connection", "close")
        self.end_headers()
        while piece := response.read1(_PIECE):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked and self.command != "HEAD":
            self.wfile.write(b"0\r\n\r\n")

    def whole_body(self) -> bytes:
        """The request's body, which is then passed on from memory."""
        if self._read is None:
            self._read = b"".join(self._body())
        return self._read

    def _body(self) -> Iterator[bytes]:
        if self._read is not None:
            yield from filter(None, [self._read])
            return
        if self._chunked(self.headers.get("Transfer-Encoding")):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, _PIECE))
            if not piece:
                # The service has to see it go, too: one that waits for the rest may hold others up for as long.
                raise ConnectionAbortedError("the client went away in the middle of its request")
            left -= len(piece)
            yield piece

    @staticmethod
    def _chunked(encoding: str | None) -> bool:
        return "chunked" in (encoding or "").lower()


def strike_each_request_of(ask: Callable[[], object], proxy: FaultProxy, status: int) -> int:
    """How many requests the fault struck: with each attempt one more is let through first, until all of them are.

    Every attempt but the last must be `Transient`. `status` is what is answered; 0 drops the connection.
    """
    passed = 0
    while True:
        proxy.delay(0, times=passed)
        fault = proxy.drop() if status == 0 else proxy.answer(status)
        try:
            ask()
        except Transient:
            passed += 1
        else:
            assert fault.struck == 0, "the fault struck, and nobody said so"
            return passed
        finally:
            proxy.heal()


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[str], FaultProxy]]:
    """Starts a proxy in front of `http://host:port`; every one ends with the test."""
    with ExitStack() as stack:
        yield lambda upstream: stack.enter_context(FaultProxy(upstream))
