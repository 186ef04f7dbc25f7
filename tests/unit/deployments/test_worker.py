"""Prefect's worker, woken by events: when it polls, and that nothing of the stream ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest

from deployments import prefect_worker


class Worker:
    """As much of Prefect's as is asked for; finds the runs that wait for it."""

    _has_successfully_synced = True
    work_pool = SimpleNamespace(id="pool")

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.polls, self.faults = 0, 0
        self._submitting_flow_run_ids: set[str] = set()

    async def get_and_submit_flow_runs(self) -> list[SimpleNamespace]:
        self.polls += 1
        if self.faults:
            self.faults -= 1
            raise httpx.ConnectError("away")
        found, self.waiting = self.waiting, []
        self._submitting_flow_run_ids.update(found)
        return [SimpleNamespace(id=run) for run in found]


class Resource(dict[str, str]):
    """Of an event: a run, and the state that it has come to."""

    id = "prefect.flow-run.5a18b452-23f4-49e4-97b8-8ec0f8ec65b1"

    def __init__(self, state: str) -> None:
        super().__init__({"prefect.state-type": state} if state else {})


class Stream:
    """The server's events, as a test lets them happen; broken as often as it is told to be."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[str | None] = asyncio.Queue()
        self.subscribed = asyncio.Event()
        self.filters: list[Any] = []

    @asynccontextmanager
    async def subscribe(self, **named: Any) -> AsyncIterator[AsyncIterator[Any]]:
        self.filters.append(named["filter"])
        self.subscribed.set()
        yield self._heard()

    async def _heard(self) -> AsyncIterator[Any]:
        while (state := await self.events.get()) is not None:
            yield SimpleNamespace(event="prefect.flow-run.x", resource=Resource(state))
        raise ConnectionError("the server has gone")


@asynccontextmanager
async def listening(worker: Worker, stream: Stream) -> AsyncIterator[None]:
    task = asyncio.create_task(prefect_worker._listen(worker))  # type: ignore[arg-type]
    try:
        await stream.subscribed.wait()
        # It polls once when it begins to listen, for what happened before.
        await until(worker, 1)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(worker: Worker, polls: int) -> None:
    while worker.polls < polls:
        await asyncio.sleep(0.001)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    made = Stream()
    monkeypatch.setattr(prefect_worker, "get_events_subscriber", made.subscribe)
    monkeypatch.setattr(prefect_worker, "AGAIN_AFTER", 0.001)
    return made


@pytest.mark.parametrize("state", sorted(prefect_worker.SCHEDULED | prefect_worker.ENDED))
async def test_what_leaves_it_something_to_do_is_polled_for_at_once(stream: Stream, state: str) -> None:
    worker = Worker()
    async with listening(worker, stream):
        worker.waiting = ["run"]
        before = worker.polls
        stream.events.put_nowait(state)
        await until(worker, before + 1)
    assert worker.waiting == []


async def test_a_poll_that_came_before_the_run_was_stored_is_followed_by_another(stream: Stream) -> None:
    worker = Worker()
    async with listening(worker, stream):
        before = worker.polls
        stream.events.put_nowait("SCHEDULED")
        await until(worker, before + 1)
        worker.waiting = ["run"]
        await until(worker, before + 2)
    assert worker.waiting == []


async def test_a_run_whose_old_process_has_not_ended_yet_is_polled_for_once_more(stream: Stream) -> None:
    worker = Worker()
    async with listening(worker, stream):
        worker._submitting_flow_run_ids, worker.waiting = {"resumed"}, ["resumed"]
        before = worker.polls
        stream.events.put_nowait("SCHEDULED")
        await until(worker, before + 2)
        assert worker.polls == before + 2


async def test_heartbeats_and_what_it_did_itself_are_no_reason_to_poll(stream: Stream) -> None:
    worker = Worker()
    async with listening(worker, stream):
        before = worker.polls
        for state in ("", "PENDING", "RUNNING", "CANCELLING"):
            stream.events.put_nowait(state)
        stream.events.put_nowait("COMPLETED")
        await until(worker, before + 1)
        assert (worker.polls, stream.events.empty()) == (before + 1, True)


async def test_a_worker_of_our_own_is_told_which_run_is_cancelled(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Ours(Worker):
        def cancel(self, run: UUID) -> None:
            told.append(f"prefect.flow-run.{run}")

    monkeypatch.setattr(prefect_worker, "PratiqueWorker", Ours)
    async with listening(Ours(), stream):
        for state in ("RUNNING", "CANCELLING", "CANCELLED"):
            stream.events.put_nowait(state)
        while not stream.events.empty():
            await asyncio.sleep(0.001)
    assert told == [Resource.id]


async def test_a_stream_that_ends_is_subscribed_to_again_and_a_poll_that_fails_ends_nothing(stream: Stream) -> None:
    worker = Worker()
    async with listening(worker, stream):
        worker.faults = 1
        stream.subscribed.clear()
        stream.events.put_nowait(None)
        await stream.subscribed.wait()
        while worker.faults:
            await asyncio.sleep(0.001)
        worker.waiting = ["run"]
        stream.events.put_nowait("SCHEDULED")
        while worker.waiting:
            await asyncio.sleep(0.001)
    assert len(stream.filters) == 2
    assert stream.filters[0].related.id == ["prefect.work-pool.pool"]
