"""Processes of flow runs, forked by a server that has the imports behind it: what a worker asks, and what it is told.

A server is started when the first run is asked for, or before by `spawn`. Where the code has changed since it was imported,
or where the server has died, the next run gets a new one; the old one stays until its last run has ended.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from pratique.errors import Refused

CHECKOUT = Path(__file__).parents[2]
"""The folder that holds `flows/` and `pratique/`, in which runs work."""

LOST = 128 + signal.SIGKILL
"""The status of a run whose server has died: its processes have died with it."""

_keys = itertools.count(1)


class Fork:
    """One process, from its fork to its end."""

    def __init__(self, server: _Server, key: int, process_id: int, ended: asyncio.Future[int]) -> None:
        self.process_id = process_id
        self._server, self._key, self._ended = server, key, ended

    async def ended(self) -> int:
        """Its exit status once it has ended; 128 + N where signal N ended it."""
        return await asyncio.shield(self._ended)

    def when_ended(self, call: Callable[[object], None]) -> None:
        """Have this called as soon as it has ended."""
        self._ended.add_done_callback(call)

    def send(self, number: int) -> None:
        """Send it a signal; SIGKILL goes to everything that it has started, as well."""
        self._server.say(key=self._key, signal=number)


class Forks:
    """Processes in which `call` (`module:function`) runs and `modules` are imported; each has a note while it lives."""

    def __init__(self, call: str, modules: Sequence[str], notes: Path) -> None:
        self._command = (call, *modules)
        self._notes = notes
        self._server: _Server | None = None
        notes.mkdir(parents=True, exist_ok=True, mode=0o700)

    def spawn(self) -> None:
        """Have a server import, while others wait for something else."""
        self._spawned()

    async def ready(self) -> None:
        """Return when there is a server that can fork; refused, where it cannot import what it should."""
        await self._spawned().ready()

    async def fork(self, run: str, *arguments: str) -> Fork:
        """A process that makes the call with these arguments; `run` names its note."""
        for _ in range(2):
            server = self._spawned()
            await server.ready()
            fork = await server.fork(*arguments)
            if fork is not None:
                self._note(run, fork)
                return fork
            # Its code is not the code on disk any more. It stays for the runs that it has.
            server.retire()
            self._server = None
        raise Refused("the pipeline's own code changes all the time: let it rest, and start the run again")

    def _note(self, run: str, fork: Fork) -> None:
        note = self._notes / run
        note.write_text(_identity(fork.process_id))
        fork.when_ended(lambda _: note.unlink(missing_ok=True))

    def _spawned(self) -> _Server:
        if self._server is None or self._server.process.poll() is not None:
            self._server = _Server(self._command)
        return self._server

    def close(self) -> None:
        """End the server, and with it what still runs."""
        if self._server is not None:
            self._server.close()


class _Server:
    """A forking server, started here and spoken to by this process alone."""

    def __init__(self, command: Sequence[str]) -> None:
        self._socket, theirs = socket.socketpair()
        program = [sys.executable, "-m", "pratique.warm.server", str(theirs.fileno()), *command]
        self.process = subprocess.Popen(program, cwd=CHECKOUT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._leaders: dict[int, int] = {}
        """The process ids of those that live, each of which leads a group of its own."""
        self._reading: asyncio.Task[None] | None = None
        self._retired = False

    async def ready(self) -> None:
        if self._reading is None:
            self._is_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            reader, self._writer = await asyncio.open_connection(sock=self._socket)
            self._reading = asyncio.create_task(self._read(reader))
        await asyncio.shield(self._is_ready)

    async def fork(self, *arguments: str) -> Fork | None:
        """The process; None where the server's code is stale."""
        key, loop = next(_keys), asyncio.get_running_loop()
        started = self._waiting[key] = loop.create_future()
        ended = self._ended[key] = loop.create_future()
        self.say(key=key, call=arguments)
        answer = await started
        if "started" in answer:
            return Fork(self, key, answer["started"], ended)
        self._ended.pop(key, None)
        if "stale" in answer:
            return None
        raise Refused("the process that starts runs has died: its last words are in the worker's log")

    def say(self, **request: object) -> None:
        if not self._writer.is_closing():
            self._writer.write(json.dumps(request).encode() + b"\n")

    def retire(self) -> None:
        """End it as soon as nothing runs there any more."""
        self._retired = True
        if not self._ended:
            self.close()

    def close(self) -> None:
        if self._reading is None:
            self._socket.close()
        else:
            self._writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            async for line in reader:
                self._hear(json.loads(line))
        # It has ended, or will: nobody can tell it to do anything any more.
        self._writer.close()
        status = await asyncio.to_thread(self.process.wait)
        if not self._is_ready.done():
            words = f"the process that starts runs ended while it started, with status {status}: its words stand above"
            self._is_ready.set_exception(Refused(words))
        # They have died with it; what they had started has not.
        for leader in self._leaders.values():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)
        for started in self._waiting.values():
            started.set_result({})
        for ended in self._ended.values():
            ended.set_result(LOST)
        self._waiting.clear()
        self._ended.clear()

    def _hear(self, answer: dict[str, Any]) -> None:
        key = answer.get("key", 0)
        if "ready" in answer:
            self._is_ready.set_result(None)
        elif "ended" in answer:
            self._leaders.pop(key, None)
            self._ended.pop(key).set_result(answer["ended"])
            if self._retired and not self._ended:
                self.close()
        else:
            if "started" in answer:
                self._leaders[key] = answer["started"]
            self._waiting.pop(key).set_result(answer)


def _identity(process_id: int) -> str:
    """Tells the process from any other one that has had, or will have, the same id."""
    try:
        return f"{process_id} {psutil.Process(process_id).create_time()}"
    except psutil.NoSuchProcess:
        return f"{process_id} 0"


def has_process(note: Path) -> bool:
    """Whether the process that the note was written for still lives."""
    try:
        process_id, _, started = note.read_text().partition(" ")
        process = psutil.Process(int(process_id))
        return abs(process.create_time() - float(started)) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, psutil.NoSuchProcess):
        return False


def runs_with_a_process(notes: Path) -> set[str]:
    """The flow runs that a process of this machine works on, by the notes of a worker's folder."""
    try:
        return {note.name for note in notes.iterdir() if has_process(note)}
    except OSError:
        return set()
