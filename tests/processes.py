"""Processes that a test has begun, by the number that the system gave them."""

from __future__ import annotations

import contextlib
import time

import psutil


def await_end(process: int) -> None:
    """Return when it has ended: a signal that was sent takes its time to arrive."""
    while psutil.pid_exists(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
                return
        time.sleep(0.01)
