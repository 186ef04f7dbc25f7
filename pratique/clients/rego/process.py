"""One process per evaluation, with nothing in its environment, little memory, little time, and a deadline."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from pratique.errors import Refused
from pratique.values._base import Value

_LOOK = 0.1
"""Seconds from one look at the process to the next."""
_CHILD = Path(__file__).with_name("child.py")


class Question(Value):
    """What to ask the engine: modules, and the query whose variable `answer` is looked for."""

    modules: tuple[tuple[str, str], ...]
    """Path and text of each."""
    query: str


class Limits(Value):
    """What one process may use."""

    cpu: int = 20
    """Seconds."""
    memory: int = 1024**3
    """Bytes; the engine alone takes 30 MiB."""
    deadline: timedelta = timedelta(seconds=30)


def answers_of(questions: Sequence[Question], document: object, limits: Limits) -> list[dict[str, Any]]:
    """An answer to each question, `{"found": …}` or `{"fault": …}`; `Refused` where the process did not come to its end."""
    told = {
        "limits": {"RLIMIT_CPU": limits.cpu},
        "place": _place_of_the_engine(),
        "input": document,
        "questions": [question.model_dump() for question in questions],
    }
    process = subprocess.Popen(
        # Isolated and without `site`: no variable, folder or start-up file of the machine says what it imports.
        [sys.executable, "-I", "-S", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )
    try:
        written = _watched(process, json.dumps(told).encode(), limits)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return _read(process.returncode, written, len(questions))


def _watched(process: subprocess.Popen[bytes], told: bytes, limits: Limits) -> bytes:
    """What the process writes until its end; `Refused` where it takes longer than it may, or more memory."""
    ends = time.monotonic() + limits.deadline.total_seconds()
    started = psutil.Process(process.pid)
    question: bytes | None = told
    while True:
        try:
            written, _ = process.communicate(question, timeout=_LOOK)
        except subprocess.TimeoutExpired:
            question = None
            if time.monotonic() > ends:
                raise Refused(f"did not come to an end within {limits.deadline.total_seconds():.0f} s: simplify them") from None
            # The engine's allocator reserves 256 GiB of addresses at its start, so RLIMIT_AS cannot bound what it uses.
            if started.memory_info().rss > limits.memory:
                raise Refused(f"take more than {limits.memory >> 20} MiB of memory: simplify them") from None
        else:
            return written


def _read(status: int, written: bytes, expected: int) -> list[dict[str, Any]]:
    if status < 0:
        ended = signal.Signals(-status).name
        raise Refused(f"were ended by {ended}: they take more time than they may, or break the engine")
    try:
        answers = json.loads(written)
    except ValueError:
        answers = None
    if isinstance(answers, dict):
        raise Refused(
            f"were not asked, because their engine does not load on this machine ({answers.get('missing')}): "
            "install that library; on Debian libatomic.so.1 is in libatomic1"
        )
    if status or not isinstance(answers, list) or len(answers) != expected:
        raise Refused(f"gave no answer (status {status}): they break the engine")
    return answers


def _place_of_the_engine() -> str:
    found = importlib.util.find_spec("regopy")
    if found is None or found.origin is None:
        raise Refused("regopy, which evaluates policies, is not installed: install Pratique with all that it depends on")
    return str(Path(found.origin).parents[1])
