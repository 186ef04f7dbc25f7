"""Processes of the local stack: started once, found again by record, ended by id.

A record holds the process id *and* its start time, because ids are given again: a stranger that now has
the id of a service that died is neither taken for it nor ended.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import ValidationError

from pratique.errors import Refused
from pratique.values._base import Value


class ProcessRecord(Value):
    """What is remembered of a started process."""

    id: int
    started: float
    """Seconds since 1970, as the kernel tells."""
    command: tuple[str, ...]


def free_port(preferred: int | None = None) -> int:
    """A loopback TCP port that nothing listens on: the preferred one while it is free."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Refused("no free TCP port on 127.0.0.1: end a program that holds many")


class Processes:
    """The processes recorded below one folder: `<name>.json` beside `<name>.log`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def running(self, name: str) -> psutil.Process | None:
        """The process, if it is the one that was started and still lives."""
        try:
            record = ProcessRecord.model_validate_json((self._folder / f"{name}.json").read_bytes())
            process = psutil.Process(record.id)
            same = abs(process.create_time() - record.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, ValidationError, psutil.NoSuchProcess):
            return None
        return process if same else None

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        ready: Callable[[], bool],
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
        within: float = 60,
    ) -> None:
        """Let it run and answer `ready`: nothing is done where it does already; refused with its last words otherwise.

        Where it has a `port`, the process itself must be the one that listens there: another stack that starts at the same
        moment may have taken the port since it was found free, and would answer in its place.
        """
        if self.running(name) is None:
            self._spawn(name, command, environment or {})
        end = time.monotonic() + within
        while not (ready() and self._listens(name, port)):
            if self.running(name) is None:
                raise Refused(f"{name} ended while it started: {self.last_words(name)}")
            if time.monotonic() > end:
                raise Refused(f"{name} did not answer within {within:.0f} s: {self.last_words(name)}")
            time.sleep(0.1)

    def _listens(self, name: str, port: int | None) -> bool:
        process = self.running(name)
        if process is None or port is None:
            return process is not None
        try:
            family = [process, *process.children(recursive=True)]
            sockets = [found for member in family for found in member.net_connections("inet")]
        except psutil.NoSuchProcess:
            return False
        return any(found.status == psutil.CONN_LISTEN and found.laddr.port == port for found in sockets)

    def stop(self, name: str, within: float = 10) -> bool:
        """End it, then what it started, politely first; False where it did not run."""
        process = self.running(name)
        if process is not None:
            # The parent first and alone, so that it may end its own children in good order.
            for group in ([process], process.children(recursive=True)):
                _end(group, within)
        (self._folder / f"{name}.json").unlink(missing_ok=True)
        return process is not None

    def log(self, name: str) -> Path:
        """Where its output goes."""
        return self._folder / f"{name}.log"

    def last_words(self, name: str, lines: int = 8) -> str:
        """The end of its output, on one line."""
        try:
            text = self.log(name).read_text(errors="replace")
        except FileNotFoundError:
            return "it wrote nothing"
        return " | ".join(text.splitlines()[-lines:]) + f" (all of it: {self.log(name)})"

    def _spawn(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as output:
            child = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        try:
            started = psutil.Process(child.pid).create_time()
        except psutil.NoSuchProcess:
            return
        record = ProcessRecord(id=child.pid, started=started, command=tuple(command))
        (self._folder / f"{name}.json").write_text(record.model_dump_json())
        # Popen's own bookkeeping would warn of a child left running: this one is meant to outlive us.
        child.returncode = 0


def _end(group: Sequence[psutil.Process], within: float) -> None:
    for member in group:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    _, stubborn = psutil.wait_procs(group, timeout=within)
    for member in stubborn:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(stubborn, timeout=5)
