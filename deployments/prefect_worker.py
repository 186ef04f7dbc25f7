# ruff: noqa: INP001  # a script, no package
"""`prefect worker start …`, woken by the server's events instead of asking it several times a second.

    python deployments/prefect_worker.py worker start --pool pratique --type process

Prefect's worker polls: the seconds between two polls are how late a run starts, and each poll costs the server four queries.
This one listens to the event stream of its work pool as well, and polls when a run of the pool is scheduled or has ended;
`PREFECT_WORKER_QUERY_SECONDS` is only the safety net, for events that are lost and for a server that was away.
It works for workers of any type, and on any machine that reaches the Prefect server.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import httpx
from prefect.cli import app
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter, EventRelatedFilter
from prefect.workers.base import BaseWorker

POLLS_AFTER = (0.0, 0.3)
"""Seconds after an event: Prefect emits it before its transaction ends, so that the first poll may come too early."""

AGAIN_AFTER = 5.0
"""Seconds until the stream is asked for again, where the server has ended it."""

QUIET = frozenset({"heartbeat", "Submitting", "Pending", "Running", "Late"})
"""Events of a flow run that leave nothing to do for its worker."""

_FLOW_RUN = "prefect.flow-run."

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
    woken = asyncio.Event()
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


async def _hear(worker: BaseWorker[Any, Any, Any], woken: asyncio.Event) -> None:
    while not worker._has_successfully_synced:  # noqa: SLF001, ASYNC110  # until then it knows no pool, and tells nobody
        await asyncio.sleep(0.1)
    pool = EventRelatedFilter(id=[f"prefect.work-pool.{worker.work_pool.id}"])
    runs = EventFilter(event=EventNameFilter(prefix=[_FLOW_RUN]), related=pool)
    async with get_events_subscriber(filter=runs, reconnect_on_clean_close=True) as events:
        woken.set()
        async for event in events:
            if event.event.removeprefix(_FLOW_RUN) not in QUIET:
                woken.set()


async def _poll(worker: BaseWorker[Any, Any, Any], woken: asyncio.Event) -> None:
    while True:
        await woken.wait()
        woken.clear()
        for seconds in POLLS_AFTER:
            if await _is_woken(woken, seconds):
                break
            # The worker's own loop, which polls as well, is the one that counts failures.
            with suppress(httpx.HTTPError):
                if await worker.get_and_submit_flow_runs():
                    break


async def _is_woken(woken: asyncio.Event, within: float) -> bool:
    try:
        await asyncio.wait_for(woken.wait(), within)
    except TimeoutError:
        return False
    return True


if __name__ == "__main__":
    BaseWorker.start = _start_woken
    app()
