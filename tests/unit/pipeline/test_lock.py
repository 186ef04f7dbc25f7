"""The lock of an environment: waited for, kept, lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pratique.bootstrap import Clients
from pratique.errors import FenceLost, Refused, Transient
from pratique.pipeline.lock import Keeper, take_lock
from pratique.values.digest import digest_of
from pratique.values.lease import Lease
from pratique.values.promotion import Promotion, PromotionState
from tests.contract.promotions import a_promotion, a_release
from tests.fakes.ledger import FakeLedger

LEASE = timedelta(milliseconds=300)


class Clock:
    """The ledger's time, which goes on when a test says so."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class CountingLedger(FakeLedger):
    """Knows how often a lease was renewed."""

    renewals = 0

    def renew(self, lease: Lease, duration: timedelta) -> Lease:
        renewed = super().renew(lease, duration)
        self.renewals += 1
        return renewed

    async def until_renewed(self) -> None:
        """Return after the next renewal that begins now or later."""
        # One may be under way, which has looked at the clock already.
        end = self.renewals + 2
        while self.renewals < end:
            await asyncio.sleep(0.01)


@dataclass
class OneLedger:
    """As much of `Clients` as a lock needs; the ledger fails as often as it is told to."""

    made: FakeLedger = field(default_factory=FakeLedger)
    lease: timedelta = LEASE
    outages: int = 0

    @property
    def settings(self) -> Any:
        return SimpleNamespace(ledger=SimpleNamespace(lease=self.lease))

    @contextmanager
    def ledger(self) -> Iterator[FakeLedger]:
        if self.outages > 0:
            self.outages -= 1
            raise Transient("the database is gone")
        yield self.made

    def begun(self) -> Promotion:
        promotion = a_promotion()
        self.made.begin(promotion)
        return promotion

    @property
    def clients(self) -> Clients:
        return cast("Clients", self)


async def quiet(_line: str) -> None:
    """Nobody listens."""


async def test_a_free_lock_is_taken_at_once() -> None:
    world = OneLedger()
    promotion = world.begun()
    lease = await take_lock(world.clients, promotion, quiet)
    assert (lease.holder, lease.fence) == (promotion.id, 1)


async def test_a_held_lock_is_waited_for_and_the_wait_says_why() -> None:
    world = OneLedger(lease=timedelta(minutes=1))
    first, second = world.begun(), world.begun()
    lines: list[str] = []

    async def tell(line: str) -> None:
        lines.append(line)

    lease = await take_lock(world.clients, first, tell)
    waiting = asyncio.create_task(take_lock(world.clients, second, tell))
    while not lines:
        await asyncio.sleep(0.01)
    assert first.id in lines[0]
    assert "number 1 in the queue" in lines[0]
    assert "started by Ada <ada@example.com>" in lines[0]
    assert f"since {first.started_at:%Y-%m-%d}" in lines[0]
    world.made.release(lease)
    assert (await waiting).fence == 2
    assert len(lines) == 1, "the same reason is told once"


async def test_in_a_queue_of_the_newest_an_older_release_is_told_what_superseded_it() -> None:
    world = OneLedger(lease=timedelta(minutes=1))
    for name in ("first", "second"):
        world.made.record_release(a_release().model_copy(update={"digest": digest_of(name.encode())}))
    holder, older, newer = world.begun(), world.begun(), a_promotion(release="second")
    world.made.begin(newer)
    lease = await take_lock(world.clients, holder, quiet)
    waiting = asyncio.create_task(take_lock(world.clients, older, quiet, "newest"))
    while not world.made.queue("hello", "prod"):
        await asyncio.sleep(0.01)
    later = asyncio.create_task(take_lock(world.clients, newer, quiet, "newest"))
    with pytest.raises(Refused, match=newer.id):
        await waiting
    world.made.release(lease)
    assert (await later).holder == newer.id
    assert world.made.promotion(older.id).state is PromotionState.SUPERSEDED


async def test_a_ledger_that_is_gone_for_a_moment_is_asked_again() -> None:
    world = OneLedger()
    promotion = world.begun()
    world.outages = 2
    assert (await take_lock(world.clients, promotion, quiet)).holder == promotion.id


async def test_the_lease_is_renewed_while_the_work_lasts_and_given_back_after_it() -> None:
    clock = Clock()
    ledger = CountingLedger(clock=clock)
    world = OneLedger(made=ledger)
    first, second = world.begun(), world.begun()
    async with Keeper(world.clients, await take_lock(world.clients, first, quiet)):
        for _ in range(5):
            clock.now += LEASE * 0.9
            await ledger.until_renewed()
        assert world.made.acquire(second.id, LEASE) is None, "four leases later the lock is still held"
    assert world.made.acquire(second.id, LEASE) is not None


async def test_an_outage_shorter_than_the_lease_loses_nothing() -> None:
    ledger = CountingLedger(clock=Clock())
    world = OneLedger(made=ledger)
    promotion = world.begun()
    async with Keeper(world.clients, await take_lock(world.clients, promotion, quiet)):
        world.outages = 1
        await ledger.until_renewed()
        assert world.outages == 0
        holder = world.made.holder(promotion.service, promotion.environment)
        assert holder is not None
        assert holder.id == promotion.id


async def test_work_whose_lock_was_taken_over_is_cancelled_and_says_so() -> None:
    now = datetime.now(UTC)
    world = OneLedger(made=FakeLedger(clock=lambda: now))
    first, second = world.begun(), world.begun()
    lease = await take_lock(world.clients, first, quiet)
    reached = False
    with pytest.raises(FenceLost):
        async with Keeper(world.clients, lease):
            # As if this process had slept: the lease is over by the database's clock, and another promotion was quicker.
            now += LEASE * 2
            assert world.made.acquire(second.id, timedelta(minutes=1)) is not None
            await asyncio.sleep(30)
            reached = True
    assert not reached
    holder = world.made.holder(second.service, second.environment)
    assert holder is not None
    assert holder.id == second.id, "the lock of the successor is not given back"


async def test_a_failure_inside_gives_the_lock_back_and_surfaces_as_it_is() -> None:
    world = OneLedger()
    first, second = world.begun(), world.begun()
    with pytest.raises(ZeroDivisionError):
        async with Keeper(world.clients, await take_lock(world.clients, first, quiet)):
            _ = 1 / 0
    assert world.made.acquire(second.id, LEASE) is not None
