"""The lock of an environment: waited for, kept while the work lasts, given back.

The lease is renewed beside the work. Where somebody else has taken the lock over (this process slept longer than
the lease, or lost the database), the work is cancelled; what it still writes is refused by its fence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self

from pratique.bootstrap import Clients
from pratique.errors import FenceLost, Refused, Transient, Waiting
from pratique.pipeline.threads import in_thread
from pratique.values.lease import Lease
from pratique.values.overlays import Queue
from pratique.values.promotion import Promotion, PromotionState

Told = Callable[[str], Awaitable[None]]
"""Receives a line for people each time there is something new to say."""

LONGEST_WAIT = timedelta(hours=1)
"""After this a promotion gives up its place in the queue."""

FIRST_POLL = 0.2
SLOWEST_POLL = 5.0
"""Seconds between two questions; doubled from the first to the slowest."""

RENEWALS_PER_LEASE = 3
"""Two renewals may fail before the lease runs out."""


async def take_lock(clients: Clients, promotion: Promotion, told: Told, queue: Queue = "all") -> Lease:
    """The lock of the promotion's environment; `Waiting` where others hold it for too long.

    `Refused` where a newer release supersedes it in a queue that only the newest one stays in.
    """
    place = f"{promotion.service} in {promotion.environment}"
    end = asyncio.get_running_loop().time() + LONGEST_WAIT.total_seconds()
    poll, known = FIRST_POLL, ""
    while True:
        try:
            lease, why = await in_thread(partial(_ask, clients, promotion, queue))
        except Transient as fault:
            lease, why = None, f"the ledger does not answer: {fault}"
        if lease is not None:
            return lease
        if why != known:
            await told(f"waiting for the lock of {place}: {why}")
            known = why
        if asyncio.get_running_loop().time() > end:
            raise Waiting(f"{place} was not free within {LONGEST_WAIT}: {why}")
        await asyncio.sleep(poll)
        poll = min(poll * 2, SLOWEST_POLL)


class Keeper:
    """Renews a lease until its block is left, then gives the lock back."""

    def __init__(self, clients: Clients, lease: Lease) -> None:
        self._clients = clients
        self._lease = lease
        self._duration = clients.settings.ledger.lease
        self._lost: FenceLost | None = None

    async def __aenter__(self) -> Self:
        work = asyncio.current_task()
        assert work is not None  # noqa: S101  # `async with` runs in a task
        self._renewal = asyncio.create_task(self._renew(work))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._renewal.cancel()
        await asyncio.wait([self._renewal])
        if self._lost is not None:
            # The cancellation was ours: what happened is that the lock was lost.
            work = asyncio.current_task()
            if work is not None and isinstance(failure, asyncio.CancelledError):
                work.uncancel()
            raise self._lost from failure
        await in_thread(self._give_back)

    async def _renew(self, work: asyncio.Task[object]) -> None:
        while True:
            await asyncio.sleep(self._duration.total_seconds() / RENEWALS_PER_LEASE)
            try:
                await in_thread(self._renew_once)
            except Transient:
                continue
            except FenceLost as lost:
                self._lost = lost
                work.cancel()
                return

    def _renew_once(self) -> None:
        with self._clients.ledger() as ledger:
            self._lease = ledger.renew(self._lease, self._duration)

    def _give_back(self) -> None:
        try:
            with self._clients.ledger() as ledger:
                ledger.release(self._lease)
        except Transient:
            # The lease runs out by itself; failing here would hide how the work ended.
            return


def _ask(clients: Clients, promotion: Promotion, rule: Queue) -> tuple[Lease | None, str]:
    with clients.ledger() as ledger:
        lease = ledger.acquire(promotion.id, clients.settings.ledger.lease, newest_only=rule == "newest")
        if lease is not None:
            return lease, ""
        present = ledger.promotion(promotion.id)
        if present.state is PromotionState.SUPERSEDED:
            raise Refused(present.reason)
        queue = [waiting.id for waiting in ledger.queue(promotion.service, promotion.environment)]
        holder = ledger.holder(promotion.service, promotion.environment)
    place = queue.index(promotion.id) + 1 if promotion.id in queue else len(queue)
    return None, f"{held_by(holder)}; number {place} in the queue"


def held_by(holder: Promotion | None) -> str:
    """Who holds a lock, since when, and who asked for it."""
    if holder is None:
        return "it is about to be free"
    by = f", started by {holder.requested_by}" if holder.requested_by else ""
    since = f"since {holder.started_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{holder.kind} {holder.id} of commit {holder.commit[:12]} holds it {since}{by}"
