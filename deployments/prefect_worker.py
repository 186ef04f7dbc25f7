# ruff: noqa: INP001  # a script, no package
"""`prefect worker start …`, woken by the server's events instead of asking it several times a second.

    python deployments/prefect_worker.py worker start --pool pratique --type pratique

Prefect's worker polls: the seconds between two polls are how late a run starts, and each poll costs the server four queries.
This one listens to the event stream of its work pool as well, and polls when a run of the pool is scheduled or has ended;
`PREFECT_WORKER_QUERY_SECONDS` is only the safety net, for events that are lost and for a server that was away.
It works for workers of any type, and on any machine that reaches the Prefect server; the type `pratique` is our own
(`tasks/_worker.py`), and is told of cancelled runs by the same stream.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

from prefect.cli import app
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter, EventRelatedFilter
from prefect.workers.base import BaseWorker

from tasks._worker import PratiqueWorker

SCHEDULED, ENDED = frozenset({"SCHEDULED"}), frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED"})
"""Types of the states in which a run waits for a worker, and in which it has given its place to another one."""

ONCE_MORE = 0.3
"""Seconds: Prefect emits an event before its transaction ends, so that the poll for a new run may come too early."""

AGAIN_AFTER = 5.0
"""Seconds until the stream is asked for again, where the server has ended it."""


class Wake:
    """Says that there is something to poll for; several calls before anybody waits are one."""

    def __init__(self) -> None:
        self._event, self._again = asyncio.Event(), False

    def set(self, *, again: bool) -> None:
        """`again`: one more poll may be needed, where the first finds nothing."""
        self._again = self._again or again
        self._event.set()

    async def wait(self) -> bool:
        """Whether one of the calls since the last time asked for one more poll."""
        await self._event.wait()
        again = self._again
        self._event.clear()
        self._again = False
        return again

    async def comes_within(self, seconds: float) -> bool:
        """Whether there is another call within so many seconds; it is still to be waited for."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._event.wait(), seconds)
        return False


_log = logging.getLogger("prefect.workers.woken")
_start = BaseWorker.start


async def _start_woken(self: BaseWorker[Any, Any, Any], *arguments: Any, **named: Any) -> None:
    listening = asyncio.create_task(_listen(self))
    try:
        await _start(self, *arguments, **named)
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


async def _listen(worker: BaseWorker[Any, Any, Any]) -> None:
    """Poll for the worker whenever its pool has something to do; never returns, whatever becomes of the stream."""
    woken = Wake()
    polling = asyncio.create_task(_poll(worker, woken))
    try:
        while True:
            try:
                await _hear(worker, woken)
            except Exception as fault:  # noqa: BLE001  # a stream that cannot be had must not end the worker, which polls as well
                _log.debug("the event stream ended: %r", fault)
            await asyncio.sleep(AGAIN_AFTER)
    finally:
        polling.cancel()


async def _hear(worker: BaseWorker[Any, Any, Any], woken: Wake) -> None:
    while not worker._has_successfully_synced:  # noqa: SLF001, ASYNC110  # until then it knows no pool, and tells nobody
        await asyncio.sleep(0.1)
    pool = EventRelatedFilter(id=[f"prefect.work-pool.{worker.work_pool.id}"])
    runs = EventFilter(event=EventNameFilter(prefix=["prefect.flow-run."]), related=pool)
    async with get_events_subscriber(filter=runs, reconnect_on_clean_close=True) as events:
        woken.set(again=False)
        async for event in events:
            # What has no state is a heartbeat; what is pending or runs leaves nothing to do.
            state = event.resource.get("prefect.state-type")
            if state == "CANCELLING" and isinstance(worker, PratiqueWorker):
                worker.cancel(UUID(event.resource.id.rpartition(".")[2]))
            if state in SCHEDULED | ENDED:
                woken.set(again=state in SCHEDULED)


async def _poll(worker: BaseWorker[Any, Any, Any], woken: Wake) -> None:
    while True:
        again = await woken.wait()
        found = await _polled(worker)
        if again and not found and not await woken.comes_within(ONCE_MORE):
            await _polled(worker)


async def _polled(worker: BaseWorker[Any, Any, Any]) -> bool:
    """Whether there was a run that the worker had not taken before; one that is resumed is listed while its process ends."""
    taken = set(worker._submitting_flow_run_ids)  # noqa: SLF001  # it has no public name
    try:
        found = await worker.get_and_submit_flow_runs()
    except Exception as fault:  # noqa: BLE001  # the worker's own loop, which polls as well, is the one that counts failures
        _log.debug("a poll failed: %r", fault)
        return False
    return any(run.id not in taken for run in found)


if __name__ == "__main__":
    BaseWorker.start = _start_woken
    app()
