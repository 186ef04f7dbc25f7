"""The warm server: `python -m pratique.warm.server SOCKET MODULE [MODULE …]` imports the modules, then forks on request.

Where a file of its own code has changed since, it has the run started cold and imports anew, so that a run never
mixes two versions. It stays single-threaded, because a fork copies only the thread that forks and would leave the
others' locks held: a module that starts a thread on import is refused at start. A child dies with its launcher, and
with this server.
The socket is the owner's alone (mode 0600): whoever may connect may run code as this user.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

from pratique.warm.launch import COLD, WARM

_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of linux/prctl.h."""
_MAX_REQUEST = 4 * 1024 * 1024


class WarmServer:
    """Forks one child per connection, passes signals to it, and answers with its exit status."""

    def __init__(self, path: Path) -> None:
        self._children: dict[int, socket.socket] = {}
        self._sources = _sources()
        self._selector = selectors.DefaultSelector()
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        self._listener.bind(str(path))
        os.umask(mask)
        self._listener.listen(64)
        self._wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    def serve(self) -> NoReturn:
        """Answer until terminated."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.set_wakeup_fd(self._waker.fileno())
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake:
                    self._wake.recv(4096)
                    self._reap()
                else:
                    self._pass_on(key.data)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        # A launcher that connects and says nothing must not hold up the others for long.
        connection.settimeout(5)
        try:
            request, descriptors = _receive(connection)
        except (OSError, ValueError):
            connection.close()
            return
        if self._sources != _sources():
            self._decline(connection, descriptors)
            return
        connection.sendall(WARM)
        child = os.fork()
        if child == 0:
            self._become(request, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._children[child] = connection
        self._selector.register(connection, selectors.EVENT_READ, data=child)

    def _decline(self, connection: socket.socket, descriptors: list[int]) -> None:
        """Have this one started cold; import anew as soon as no child needs its signals passed on."""
        connection.sendall(COLD)
        connection.close()
        for descriptor in descriptors:
            os.close(descriptor)
        if not self._children:
            print("the code has changed: importing it again", flush=True)  # noqa: T201  # its output is a log
            self._listener.close()
            os.execv(sys.executable, [sys.executable, "-m", __spec__.name, *sys.argv[1:]])  # noqa: S606  # itself

    def _pass_on(self, child: int) -> None:
        connection = self._children[child]
        received = b""
        with contextlib.suppress(OSError):
            received = connection.recv(16)
        with contextlib.suppress(ProcessLookupError):
            for number in received or [signal.SIGKILL]:
                os.kill(child, number)
        if not received:
            self._selector.unregister(connection)

    def _reap(self) -> None:
        while self._children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            connection = self._children.pop(child)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(connection)
            code = os.waitstatus_to_exitcode(status)
            with contextlib.suppress(OSError):
                connection.sendall(bytes([code if code >= 0 else 128 - code]))
            connection.close()

    def _become(self, request: dict[str, object], descriptors: list[int]) -> NoReturn:
        """Turn this fork into the process that was asked for."""
        status = 1
        try:
            _die_with_parent()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            self._selector.close()
            for inherited in (self._listener, self._wake, self._waker, *self._children.values()):
                inherited.close()
            for descriptor, target in zip(descriptors, (1, 2), strict=True):
                os.dup2(descriptor, target)
                os.close(descriptor)
            status = _run(request)
        except BaseException:  # noqa: BLE001  # the last frame of a process: whatever arrives here is told and ends it
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)


def _sources() -> dict[str, int]:
    """When each file was changed that an imported module came from, installed packages left out: those do not change alone."""
    files = {getattr(module, "__file__", None) for module in tuple(sys.modules.values())}
    found = {}
    for file in files:
        if file and "site-packages" not in file and not file.startswith(sys.base_prefix):
            try:
                found[file] = os.stat(file).st_mtime_ns  # noqa: PTH116  # asked for every run
            except OSError:
                found[file] = 0
    return found


def _receive(connection: socket.socket) -> tuple[dict[str, object], list[int]]:
    head, descriptors, _, _ = socket.recv_fds(connection, 4, 2)
    size = int.from_bytes(head, "big")
    if len(descriptors) != 2 or len(head) != 4 or size > _MAX_REQUEST:  # noqa: PLR2004  # stdout, stderr; four bytes of length
        raise ValueError("not a launcher's request")
    content = bytearray()
    while len(content) < size:
        part = connection.recv(min(65536, size - len(content)))
        if not part:
            raise ValueError("the launcher left")
        content += part
    request: dict[str, object] = json.loads(content)
    return request, descriptors


def _run(request: dict[str, object]) -> int:
    environment, arguments, module = request["environment"], request["arguments"], str(request["module"])
    if not isinstance(environment, dict) or not isinstance(arguments, list):
        raise TypeError("not a launcher's request")
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(str(request["folder"]))
    # As `python -m` does: the working folder comes first.
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    sys.argv = [module, *map(str, arguments)]
    _read_settings_again()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _read_settings_again() -> None:
    # Prefect reads its environment on import, and that was the server's.
    if (context := sys.modules.get("prefect.context")) is not None:
        context.refresh_global_settings_context()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Import, check, serve."""
    path, *modules = arguments
    for module in modules:
        importlib.import_module(module)
    if threading.active_count() > 1:
        names = ", ".join(thread.name for thread in threading.enumerate())
        sys.exit(f"importing {', '.join(modules)} started threads ({names}): a fork would copy their locks but not them")
    # What is imported stays: frozen, it is never copied by a collection in a child.
    gc.collect()
    gc.freeze()
    WarmServer(Path(path)).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
