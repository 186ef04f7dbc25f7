"""One process per evaluation, with nothing in its environment, little memory, little time, and a deadline."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from pratique.clients.exchange import Exchanged, Process, exchange
from pratique.errors import Refused, Transient
from pratique.values._base import Value

_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
"""Signals that nothing in the process sends to itself; the end of its time is SIGXCPU."""
_CHILD = Path(__file__).with_name("child.py")


class Question(Value):
    """What to ask the engine: modules, and the query whose variable `answer` is looked for."""

    modules: tuple[tuple[str, str], ...]
    """Path and text of each."""
    query: str


class Limits(Value):
    """What one process may use for a small question; see `for_question`."""

    cpu: int = 20
    """Seconds."""
    memory: int = 1024**3
    """Bytes; the engine alone takes 30 MiB."""
    deadline: timedelta = timedelta(seconds=30)

    def for_question(self, size: int) -> Limits:
        """What it may use for a document of so many bytes: nine gates take about 3 s and 100 MiB for each MiB of it."""
        mebibytes = size / 1024**2
        return Limits(
            cpu=self.cpu + round(10 * mebibytes),
            memory=self.memory + 200 * size,
            deadline=self.deadline + timedelta(seconds=20 * mebibytes),
        )


class Faulty(Exception):
    """What the policies did wrong, as the end of a sentence about them; the client's own error, which never leaves it."""


def answers_of(questions: Sequence[Question], document: object, limits: Limits) -> list[dict[str, Any]]:
    """An answer to each question, `{"found": …}` or `{"fault": …}`.

    `Faulty` where the policies broke the engine or took more than they may. Where the engine itself was ended, does not
    answer or does not load, nobody knows what the policies say: `Transient`, or `Refused` where asking again is no help.
    """
    told: dict[str, Any] = {
        "place": _place_of_the_engine(),
        "input": document,
        "questions": [question.model_dump() for question in questions],
    }
    limits = limits.for_question(len(json.dumps(document)))
    ended = exchange(
        # Isolated and without `site`: no variable, folder or start-up file of the machine says what it imports.
        [sys.executable, "-I", "-S", str(_CHILD)],
        json.dumps({**told, "cpu": limits.cpu}).encode(),
        name="the engine of the policies",
        within=limits.deadline,
        environment={},
        folder=Path("/"),
        hear_complaints=False,
        watch=lambda process: _require_little_memory(process, limits.memory),
    )
    return _read(ended, len(questions))


def _require_little_memory(process: Process, most: int) -> None:
    # The engine's allocator reserves 256 GiB of addresses at its start, so RLIMIT_AS cannot bound what it uses.
    try:
        used = psutil.Process(process.pid).memory_info().rss
    except psutil.Error:
        return  # It has just ended, which is seen next.
    if used > most:
        raise Faulty(f"take more than {most >> 20} MiB of memory: simplify them")


def _read(ended: Exchanged, expected: int) -> list[dict[str, Any]]:
    if ended.status < 0:
        by = signal.Signals(-ended.status)
        if by == signal.SIGXCPU:
            raise Faulty("take more seconds of the processor than they may: simplify them")
        if by in _FROM_OUTSIDE:
            raise Transient(f"the engine of the policies was ended by {by.name}, as by a machine without memory")
        raise Faulty(f"were ended by {by.name}: they break the engine")
    try:
        answers = json.loads(ended.written)
    except ValueError:
        answers = None
    if isinstance(answers, dict):
        raise Refused(
            f"no policy was asked, because their engine does not load on this machine ({answers.get('missing')}): "
            "install that library; on Debian libatomic.so.1 is in libatomic1"
        )
    if ended.status or not isinstance(answers, list) or len(answers) != expected:
        raise Faulty(f"gave no answer (status {ended.status}): they break the engine")
    return answers


def _place_of_the_engine() -> str:
    found = importlib.util.find_spec("regopy")
    if found is None or found.origin is None:
        raise Refused("regopy, which evaluates policies, is not installed: install Pratique with all that it depends on")
    return str(Path(found.origin).parents[1])
