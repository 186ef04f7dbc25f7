"""The forking server: `python -m pratique.warm.server SOCKET CALL MODULE …` imports the modules, then forks on request.

`SOCKET` is the number of an inherited descriptor: who started it holds the other end, and nobody else can ask. `CALL` is
`module:function`; each child calls it with the texts of the request, and ends with the status that it returns.

In both directions go lines of JSON:

    {"key": 1, "call": ["promote", "…"]}   fork a child; answered by {"key": 1, "started": <process id>}
    {"key": 1, "signal": 10}               send the child a signal; SIGKILL goes to its whole group
    {"key": 1, "ended": 0}                 answer: the child has ended; 128 + N where signal N ended it, as shells say it
    {"key": 1, "stale": true}              answer: nothing was forked, because its code is no longer the code on disk

It stays single-threaded, because a fork copies only the thread that forks and would leave the others' locks held: a module
that starts a thread on import is refused at start. A child leads a session of its own, so that a signal of a terminal does
not reach it, and what it leaves behind ends with it. Children die with this server, and it ends with who started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

CANCEL = signal.SIGUSR1
"""Blocked in a child until its call has said what it means, so that none is lost or kills a child that was just forked."""

_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of linux/prctl.h."""

Call = Callable[..., int]


class ForkingServer:
    """Forks one child per request, passes signals to it, and answers with its exit status."""

    def __init__(self, control: socket.socket, call: Call) -> None:
        self._control, self._call = control, call
        self._keys: dict[int, int] = {}
        """Of each child, by its process id."""
        self._received = b""
        self._sources = _sources()
        self._wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Answer until the other end is closed."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {CANCEL})
        signal.set_wakeup_fd(self._waker.fileno())
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._say(ready=True)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wake:
                    self._wake.recv(4096)
                    self._reap()
                elif not self._hear():
                    self._end_all()
                    return

    def _hear(self) -> bool:
        """Whether the other end is still there."""
        try:
            part = self._control.recv(65536)
        except OSError:
            return False
        *lines, self._received = (self._received + part).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            if "call" in asked:
                self._fork(asked["key"], asked["call"])
            else:
                self._signal(asked["key"], asked["signal"])
        return bool(part)

    def _fork(self, key: int, arguments: list[str]) -> None:
        if self._sources != _sources():
            self._say(key=key, stale=True)
            return
        child = os.fork()
        if child == 0:
            self._become(arguments)
        self._keys[child] = key
        self._say(key=key, started=child)

    def _signal(self, key: int, number: int) -> None:
        for child in [child for child, its_key in self._keys.items() if its_key == key]:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if number == signal.SIGKILL else os.kill)(child, number)

    def _reap(self) -> None:
        while self._keys:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            _end_group(child)
            code = os.waitstatus_to_exitcode(status)
            self._say(key=self._keys.pop(child), ended=code if code >= 0 else 128 - code)

    def _end_all(self) -> None:
        for child in self._keys:
            _end_group(child)

    def _say(self, **answer: object) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps(answer).encode() + b"\n")

    def _become(self, arguments: list[str]) -> NoReturn:
        """Turn this fork into the process that was asked for; its output goes nowhere, but for what it dies of."""
        status, errors = 1, os.dup(2)
        try:
            _die_with_parent()
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            self._selector.close()
            for inherited in (self._control, self._wake, self._waker):
                inherited.close()
            nowhere = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nowhere, descriptor)
            os.close(nowhere)
            status = self._call(*arguments)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:  # noqa: BLE001  # the last frame of a process: whatever arrives here is told and ends it
            os.dup2(errors, 2)
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)


def _end_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


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


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Import, check, serve."""
    descriptor, call, *modules = arguments
    home, _, name = call.partition(":")
    for module in modules:
        importlib.import_module(module)
    function: Any = getattr(importlib.import_module(home), name)
    if threading.active_count() > 1:
        names = ", ".join(thread.name for thread in threading.enumerate())
        sys.exit(f"importing {', '.join(modules)} started threads ({names}): a fork would copy their locks but not them")
    # What is imported stays: frozen, it is never copied by a collection in a child.
    gc.collect()
    gc.freeze()
    ForkingServer(socket.socket(fileno=int(descriptor)), function).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
