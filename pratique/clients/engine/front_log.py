"""What HAProxy's master process says of its workers: the only way to know that it has loaded its configuration.

A reload is a signal, and a signal has no answer. From 2.6 on the master writes "Loading success." once the new worker
accepts connections, "Loading failure!" where it kept the old one, and "Former worker (<id>) exited" when the last
connection of a replaced worker has ended.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta

from docker.models.containers import Container

from pratique.clients.engine.errors import translated
from pratique.clients.pauses import pause
from pratique.errors import Refused, Transient
from pratique.values._base import Value

_LOADS_WITHIN = 60
"""Seconds."""
_PAUSE = 0.05
_LINES = 400
_FORKED = re.compile(r"New worker \((\d+)\) forked")
_EXITED = re.compile(r"[Ww]orker \((\d+)\) exited")


class Mark(Value):
    """How far the master has come, to tell what it says after something is asked of it."""

    moment: str
    """That of its last line so far."""
    restarts: int


def mark(container: Container) -> Mark:
    """How far it has come now."""
    lines = _lines(container, "")
    return Mark(moment=lines[-1][0] if lines else "", restarts=container.attrs["RestartCount"])


def await_loaded(container: Container, since: Mark) -> None:
    """Return once a configuration was loaded since then; refused with HAProxy's complaint where it was not."""
    end = time.monotonic() + _LOADS_WITHIN
    while True:
        lines = [text for _, text in _lines(container, since.moment)]
        if any("Loading success" in line for line in lines):
            return
        failed = any("Loading failure" in line for line in lines)
        if not failed:
            with translated(f"inspect {container.name}"):
                container.reload()
            failed = container.status != "running" or container.attrs["RestartCount"] > since.restarts
        if failed:
            complaints = [line for line in lines if "ALERT" in line] or lines[-3:]
            raise Refused(f"the front {container.name} did not load its configuration: {' | '.join(complaints) or 'it ended'}")
        if time.monotonic() > end:
            raise Transient(f"the front {container.name} did not say within {_LOADS_WITHIN} s that it has loaded")
        pause(_PAUSE)


def await_drained(container: Container, within: timedelta) -> bool:
    """Return True as soon as no replaced worker has a connection left, False when that takes longer."""
    since, end = _just_before_start(container), time.monotonic() + within.total_seconds()
    while _former_workers([text for _, text in _lines(container, since)]):
        if time.monotonic() > end:
            return False
        pause(_PAUSE)
    return True


def _just_before_start(container: Container) -> str:
    """A moment from which on the log is that of the master that runs now: the engine notes a start after the first line."""
    seconds = str(container.attrs["State"]["StartedAt"])[:19]
    return (datetime.fromisoformat(seconds) - timedelta(seconds=3)).isoformat()


def _former_workers(lines: list[str]) -> set[str]:
    workers: list[str] = []
    for line in lines:
        if forked := _FORKED.search(line):
            workers.append(forked[1])
        elif (exited := _EXITED.search(line)) and exited[1] in workers:
            workers.remove(exited[1])
    return set(workers[:-1])


def _lines(container: Container, after: str) -> list[tuple[str, str]]:
    """(moment, text) of each line after that moment."""
    with translated(f"read the log of {container.name}"):
        output = container.logs(timestamps=True, tail=_LINES)
    lines = [line.partition(" ") for line in output.decode(errors="replace").splitlines()]
    return [(moment, text) for stamp, _, text in lines if (moment := _moment(stamp)) > after]


def _moment(stamp: str) -> str:
    """An RFC 3339 time with nanoseconds in a form that sorts: an engine leaves out zeros at the end."""
    seconds, _, fraction = stamp.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:0<9}"
