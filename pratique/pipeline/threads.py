"""Work in a thread that is never left behind.

A thread cannot be stopped. Whoever awaits one and is cancelled would go on while it still works: give a lock back that
protects nothing any more, record an ending of something that has not ended.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

from pratique.clients.pauses import stop_by

R = TypeVar("R")


async def in_thread(work: Callable[[], R]) -> R:
    """What `work` returns; a cancellation ends its next pause, and arrives only after the thread has ended."""
    stop, context = threading.Event(), contextvars.copy_context()
    context.run(stop_by, stop)
    # A future and not a task: a loop that is shut down cancels every task, and this one's thread would work on unseen.
    thread = asyncio.get_running_loop().run_in_executor(None, context.run, work)
    try:
        return await asyncio.shield(thread)
    except BaseException:
        # A cancellation, or what a signal's handler raised right here.
        stop.set()
        await _end_of(thread)
        raise


async def _end_of(thread: asyncio.Future[R]) -> None:
    while not thread.done():
        try:
            await asyncio.wait([thread])
        except asyncio.CancelledError:
            # Asked again to stop: there is still nothing else to do.
            continue
