"""Pauses between two looks at something that takes its time; they end at once where nobody waits for the work any more.

A thread cannot be stopped from outside. One that is cancelled therefore stops itself, at its next pause: everything that
takes long is waited for by looking again and again.
"""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar

_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


class Stopped(Exception):
    """Nobody waits for this work any more: nothing is wrong, and nothing more is done."""


def pause(seconds: float) -> None:
    """Return after so many seconds; `Stopped` where the work is not wanted any more."""
    stop = _stop.get()
    if stop is None:
        time.sleep(seconds)
    elif stop.wait(seconds):
        raise Stopped("its run was cancelled")


def stop_by(stop: threading.Event) -> None:
    """Let the event end the pauses of everything that runs in the present context from now on."""
    _stop.set(stop)
