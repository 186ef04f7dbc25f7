"""Work in a thread that is never left behind.

A thread cannot be stopped. Whoever awaits one and is cancelled would go on while it still works: give a lock back that
protects nothing any more, record an ending of something that has not ended.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")


async def in_thread(work: Callable[[], R]) -> R:
    """What `work` returns; a cancellation arrives only after the thread has ended."""
    # A future and not a task: a loop that is shut down cancels every task, and this one's thread would work on unseen.
    thread = asyncio.get_running_loop().run_in_executor(None, contextvars.copy_context().run, work)
    try:
        return await asyncio.shield(thread)
    except BaseException:
        # A cancellation, or what a signal's handler raised right here.
        await _end_of(thread)
        raise


async def _end_of(thread: asyncio.Future[R]) -> None:
    while not thread.done():
        try:
            await asyncio.wait([thread])
        except asyncio.CancelledError:
            # Asked again to stop: there is still nothing else to do.
            continue
