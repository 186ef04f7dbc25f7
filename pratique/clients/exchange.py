"""One exchange with a process that we start: what it is told, what it writes, how long it may take.

Every client that starts a process comes here. What the process is told is a file without a name: nobody has to write while
it is read, so neither its size nor a process that starts late, reads slowly or reads nothing holds us. The process has a
session of its own, which ends as a whole.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from pratique.errors import Transient
from pratique.values._base import Value

_LOOK = 0.1
"""Seconds from one look at the process to the next."""
_SHORT_OF = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT}
"""What a machine may be short of for a while: processes, memory, open files, space."""

Process = subprocess.Popen[bytes]


class Exchanged(Value):
    """How an exchange ended."""

    status: int
    """As `subprocess` has it: negative where a signal ended the process."""
    written: bytes
    complaint: bytes
    """What it wrote to its standard error; empty where nobody listens to that."""


def exchange(
    command: Sequence[str],
    told: bytes,
    *,
    name: str,
    within: timedelta,
    environment: Mapping[str, str],
    folder: Path | None = None,
    keep_open: Sequence[int] = (),
    hear_complaints: bool = True,
    watch: Callable[[Process], None] | None = None,
) -> Exchanged:
    """Run `command`, tell it `told`, and read what it writes; `Transient` where it does not end `within`.

    `watch` looks at the process about ten times a second; the process and all that it started end with what it raises.
    """
    with (
        standard_input(told, name) as stdin,
        started(
            command,
            name,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if hear_complaints else subprocess.DEVNULL,
            env=environment,
            cwd=folder,
            pass_fds=tuple(keep_open),
        ) as process,
        bounded(name, within) as remaining,
    ):
        while True:
            left = remaining()
            try:
                # One long wait where nobody watches: each that is over copies what was read so far.
                written, complaint = process.communicate(timeout=min(_LOOK, left) if watch else left)
            except subprocess.TimeoutExpired:
                if watch is None or left == 0:
                    raise
                watch(process)
            else:
                return Exchanged(status=process.returncode, written=written, complaint=complaint or b"")


@contextmanager
def standard_input(told: bytes, name: str) -> Iterator[IO[bytes]]:
    """A file without a name, from whose beginning the process `name` reads."""
    with tempfile.TemporaryFile() as file:
        with _enough_for(name):
            file.write(told)
            file.seek(0)
        yield file


@contextmanager
def started(command: Sequence[str], name: str, **options: Any) -> Iterator[Process]:
    """A process in a session of its own; where we leave before it has ended, all that it started ends with it."""
    with _enough_for(name):
        process: Process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            end(process)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def end(process: Process) -> None:
    """End the process and its session. What has left the session may hold its pipes open, and is not waited for."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def bounded(name: str, within: timedelta) -> Iterator[Callable[[], float]]:
    """What tells the seconds that are left; `Transient` where none are, or where a wait for them was in vain."""
    ends = time.monotonic() + within.total_seconds()
    try:
        yield lambda: max(0.0, ends - time.monotonic())
    except subprocess.TimeoutExpired:
        raise Transient(f"{name} did not end within {within.total_seconds():.0f} s") from None


@contextmanager
def _enough_for(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _SHORT_OF:
            raise
        raise Transient(f"{name} could not be started: {error.strerror}: free some, or wait until others have ended") from None
