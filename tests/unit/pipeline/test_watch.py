"""The watch: who is taken for dead, who begins anew, and when nobody is judged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pratique.bootstrap import Clients
from pratique.errors import Transient
from pratique.pipeline.watch import Watch
from pratique.settings import WatchSettings
from tests.contract.promotions import a_promotion
from tests.fakes.ledger import FakeLedger
from tests.fakes.prefect import FakePrefect

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class World:
    """A watch that looks every 15 s, a Prefect and a ledger."""

    watch_settings: WatchSettings = field(default_factory=WatchSettings)
    server: FakePrefect = field(default_factory=lambda: FakePrefect(START))
    told: list[str] = field(default_factory=list)
    beating: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.made = FakeLedger(lambda: self.server.clock)
        self.watch = Watch(cast("Clients", self), self.told.append, lambda: self.server.clock)

    @property
    def settings(self) -> Any:
        return SimpleNamespace(watch=self.watch_settings)

    @contextmanager
    def prefect(self) -> Iterator[FakePrefect]:
        yield self.server

    @contextmanager
    def ledger(self) -> Iterator[FakeLedger]:
        yield self.made

    def passes(self, seconds: float) -> None:
        """Time, with a look every 15 s and a heartbeat of every live run every 30 s."""
        for second in range(0, int(seconds), 15):
            self.server.clock += timedelta(seconds=15)
            if second % 30 == 0:
                for run in self.beating:
                    self.server.beat(run)
            try:
                self.watch.look()
            except Transient:
                assert self.server.gone

    def state(self, run: str) -> str:
        return str(self.server.runs[run].state_type)


@pytest.fixture
def world() -> World:
    found = World()
    found.passes(300)
    return found


def test_a_run_that_beats_is_left_alone_however_long_it_takes(world: World) -> None:
    world.server.add("live")
    world.beating.append("live")
    world.passes(3600)
    assert world.state("live") == "RUNNING"


def test_a_silent_run_is_recorded_as_crashed_and_begins_anew_once(world: World) -> None:
    world.server.add("lost", parameters={"repository": "/hello"})
    world.passes(90)
    assert world.state("lost") == "RUNNING"
    world.passes(300)
    assert world.state("lost") == "CRASHED"
    again = world.server.runs["again-lost"]
    assert set(again.tags) == {"pratique", "first:lost:1", "attempt:2"}
    assert again.parameters == {"repository": "/hello"}
    assert len(world.server.runs) == 2


def test_a_run_that_is_still_to_get_its_process_has_more_time(world: World) -> None:
    world.server.add("starting", "PENDING")
    world.passes(240)
    assert world.state("starting") == "PENDING"
    world.passes(120)
    assert world.state("starting") == "CRASHED"


def test_what_was_to_be_cancelled_is_cancelled_and_stays_so(world: World) -> None:
    world.server.add("unwanted", "CANCELLING")
    world.passes(300)
    assert world.state("unwanted") == "CANCELLED"
    assert list(world.server.runs) == ["unwanted"]


def test_nobody_is_judged_while_events_do_not_arrive(world: World) -> None:
    world.server.add("live")
    world.beating.append("live")
    world.passes(60)
    world.server.deaf = True
    world.passes(600)
    assert world.state("live") == "RUNNING"
    world.server.deaf = False
    world.passes(600)
    assert world.state("live") == "RUNNING"


def test_nobody_is_judged_for_what_could_not_be_said_while_the_server_was_away(world: World) -> None:
    world.server.add("live")
    world.server.gone = True
    world.passes(600)
    world.server.gone = False
    world.passes(60)
    assert world.state("live") == "RUNNING"
    world.passes(120)
    assert world.state("live") == "CRASHED"


def test_a_part_ends_with_the_run_that_it_was_part_of(world: World) -> None:
    world.server.add("delivery", "CRASHED", tags=())
    world.server.add("preparation", parent_task_run_id="t", deployment_id=None, tags=())
    world.server.parents["preparation"] = "delivery"
    world.passes(15)
    assert world.state("preparation") == "CRASHED"


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        (("pratique", "delivery:x"), "its delivery looks after it"),
        (("pratique", "first:x:1", "attempt:4"), "a person should look why"),
        (("somebody-else",), ""),
    ],
    ids=["of-a-delivery", "too-often", "no-run-of-ours"],
)
def test_what_does_not_begin_anew(world: World, tags: tuple[str, ...], why: str) -> None:
    world.server.add("killed", "CRASHED", tags=tags)
    world.passes(60)
    assert list(world.server.runs) == ["killed"]
    assert [line for line in world.told if why and why in line] == world.told
    assert len(world.told) == (1 if why else 0)


def test_one_that_cannot_begin_anew_keeps_no_other_from_it(world: World) -> None:
    world.server.add("outdated", "CRASHED", deployment_id="gone")
    world.server.add("killed", "CRASHED")
    world.passes(30)
    assert "again-killed" in world.server.runs
    assert [line for line in world.told if "does not begin anew: its deployment is gone" in line]


def test_a_promotion_does_not_come_back_over_what_was_granted_since(world: World) -> None:
    promotion = a_promotion()
    world.server.add("killed", parameters={"service": promotion.service, "environment": promotion.environment})
    world.server.clock += timedelta(seconds=5)
    world.made.begin(promotion)
    lease = world.made.acquire(promotion.id, timedelta(seconds=30))
    assert lease is not None
    world.made.grant(promotion.id, lease, "")
    world.passes(300)
    assert world.state("killed") == "CRASHED"
    assert list(world.server.runs) == ["killed"]
    assert f"granted there since, by promotion {promotion.id}" in world.told[-1]


def test_with_no_second_attempts_it_only_records() -> None:
    world = World(WatchSettings(again=0))
    world.passes(300)
    world.server.add("lost")
    world.passes(300)
    assert world.state("lost") == "CRASHED"
    assert list(world.server.runs) == ["lost"]
