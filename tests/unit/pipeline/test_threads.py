"""A thread is never left behind, however its waiter is cancelled."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pratique.clients.pauses import pause
from pratique.errors import Refused
from pratique.pipeline.threads import in_thread


class Work:
    """Work that goes on until it is told to end, and what happened in which order."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.order: list[str] = []

    def __call__(self) -> None:
        self.begun.set()
        self.go_on.wait()
        self.order.append("the thread ended")

    async def waited_for(self) -> None:
        try:
            await in_thread(self)
        finally:
            self.order.append("its waiter went on")


async def test_the_result_and_the_failure_of_the_work_come_back() -> None:
    def refuse() -> None:
        raise Refused("no")

    assert await in_thread(lambda: 7) == 7
    with pytest.raises(Refused, match="no"):
        await in_thread(refuse)


async def test_a_cancellation_arrives_after_the_thread_has_ended() -> None:
    work = Work()
    waiting = asyncio.create_task(work.waited_for())
    await asyncio.to_thread(work.begun.wait)
    for _ in range(3):
        waiting.cancel()
        await asyncio.sleep(0)
    work.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert work.order == ["the thread ended", "its waiter went on"]


async def test_work_that_looks_again_and_again_ends_at_its_next_pause() -> None:
    begun = threading.Event()
    ended: list[str] = []

    def look_for_ever() -> None:
        try:
            while True:
                begun.set()
                pause(3600)
        finally:
            ended.append("the thread ended")

    waiting = asyncio.create_task(in_thread(look_for_ever))
    await asyncio.to_thread(begun.wait)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["the thread ended"]


def test_so_it_does_where_the_whole_loop_is_shut_down() -> None:
    """As when Prefect cancels a run: every task of the loop is cancelled, and no task may stand for the thread."""
    work = Work()
    waiting: list[asyncio.Task[None]] = []

    async def begin() -> None:
        waiting.append(asyncio.create_task(work.waited_for()))
        await asyncio.to_thread(work.begun.wait)

    with asyncio.Runner() as runner:
        runner.run(begin())
        threading.Timer(0.1, work.go_on.set).start()
    assert waiting[0].cancelled()
    assert work.order == ["the thread ended", "its waiter went on"]
