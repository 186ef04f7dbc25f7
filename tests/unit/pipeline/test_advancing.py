"""The clock over a whole ledger: which runs it starts, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pratique.bootstrap import Clients
from pratique.clients.prefect import Run
from pratique.decisions.advance import Step
from pratique.errors import Refused
from pratique.pipeline import advancing
from pratique.pipeline.advancing import start_step, survey
from pratique.values.asked import Asked
from pratique.values.decision import Decision, Wait
from pratique.values.digest import digest_of
from pratique.values.environment import Environment
from pratique.values.judged import Judged
from pratique.values.plan import Plan
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.recurrence import Recurrence
from pratique.values.release import StoredRelease
from tests.contract.promotions import a_promotion, a_release
from tests.fakes.ledger import FakeLedger
from tests.fakes.scheduled_runs import FakeRuns

ALWAYS = Recurrence.model_validate({"rrule": "FREQ=DAILY", "start": "2026-01-05T00:00", "duration": "24h", "timezone": "UTC"})


APPROVED = Plan(reason="everybody approves of this one")


@dataclass
class World:
    """As much of `Clients` as the clock needs; releases whose digest is in `unreadable` are gone from the registry."""

    made: FakeLedger = field(default_factory=FakeLedger)
    prefects: FakeRuns = field(default_factory=FakeRuns)
    releases: dict[str, StoredRelease] = field(default_factory=dict)

    def release(self, *, windows: bool = True, service: str = "hello") -> StoredRelease:
        stored = a_release(service)
        manifest = stored.release.manifest
        prod = manifest.environments["prod"].model_copy(update={"windows": (ALWAYS,) if windows else ()})
        manifest = manifest.model_copy(update={"environments": {**manifest.environments, "prod": prod}})
        stored = stored.model_copy(update={"release": stored.release.model_copy(update={"manifest": manifest})})
        self.made.record_release(stored)
        self.releases[stored.digest] = stored
        return stored

    def promotion(self, stored: StoredRelease, environment: str) -> Promotion:
        service = stored.release.service
        promotion = a_promotion(service, environment, commit=stored.release.commit.id)
        promotion = promotion.model_copy(update={"release": stored.digest})
        self.made.begin(promotion)
        return promotion

    def granted(self, stored: StoredRelease, environment: str) -> None:
        promotion = self.promotion(stored, environment)
        lease = self.made.acquire(promotion.id, self.settings.ledger.lease)
        assert lease is not None
        self.made.grant(promotion.id, lease, "")
        self.made.release(lease)

    def waits(self, stored: StoredRelease, environment: str) -> Promotion:
        return self.made.wait(self.promotion(stored, environment).id, f"{environment} is closed", None)

    def asks(self, stored: StoredRelease, environment: str, plan: Plan) -> Promotion:
        asked = Asked(plan=plan, policy=digest_of(b"p"))
        return self.made.wait(self.promotion(stored, environment).id, f"{environment} asks", None, asked)

    @property
    def settings(self) -> Any:
        return SimpleNamespace(ledger=SimpleNamespace(lease=timedelta(minutes=1)))

    def place(self, environment: str) -> Any:
        return SimpleNamespace(deployment=f"promote/{environment}")

    @contextmanager
    def ledger(self) -> Iterator[FakeLedger]:
        yield self.made

    @contextmanager
    def registry(self) -> Iterator[dict[str, StoredRelease]]:
        yield self.releases

    @contextmanager
    def prefect(self) -> Iterator[FakeRuns]:
        yield self.prefects

    @property
    def clients(self) -> Clients:
        return cast("Clients", self)

    def steps(self, service: str | None = None, environment: str | None = None) -> dict[tuple[str, str], str]:
        return {(one.service, one.environment): one.kind for one in survey(self.clients, service, environment)}

    def go(self) -> list[Step]:
        return [start_step(self.clients, step, "clock:test") for step in survey(self.clients)]


@pytest.fixture
def verdict() -> dict[str, Any]:
    """What the gates say, by environment; everything is allowed, unless a test says otherwise.

    Under `asking` are the environments in which people have to approve.
    """
    return {}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, verdict: dict[str, Any]) -> World:
    def read(releases: dict[str, StoredRelease], service: str, digest: str) -> StoredRelease:
        if digest not in releases:
            raise Refused(f"{service}: no release {digest}")
        return releases[digest]

    def judge(_clients: Clients, _stored: StoredRelease, environment: Environment, *, plan: Plan) -> Judged:
        besides = verdict.get(environment.name, Decision())
        # Of the people who are asked here, one has approved of the plan that they were shown, and of no other one.
        missing = Wait(reason="'prod' has 0 of 1 approvals")
        asked = environment.name in verdict.get("asking", {}) and plan != APPROVED
        found = besides.model_copy(update={"waits": (*besides.waits, missing)}) if asked else besides
        return Judged(decision=found, besides_approval=besides, policy=digest_of(b"p"), looked_at=(), at=datetime.now(UTC))

    monkeypatch.setattr(advancing, "read", read)
    monkeypatch.setattr(advancing, "judge", judge)
    return World()


def test_every_environment_of_every_service_has_its_step(world: World) -> None:
    first, other = world.release(), world.release(service="parrot", windows=False)
    world.granted(first, "dev")
    world.granted(other, "dev")
    assert world.steps() == {
        ("hello", "dev"): "rests",
        ("hello", "prod"): "moves",
        ("parrot", "dev"): "rests",
        ("parrot", "prod"): "rests",
    }
    assert world.steps("hello", "prod") == {("hello", "prod"): "moves"}
    assert world.steps("nobody") == {}


def test_what_moves_is_promoted_by_one_run_of_the_environments_own_deployment(world: World) -> None:
    stored = world.release()
    world.granted(stored, "dev")
    moved = next(step for step in world.go() if step.kind == "moves")
    again = next(step for step in world.go() if step.kind == "moves")
    assert moved.run == again.run == "http://prefect/run-1"
    assert len(world.prefects.started) == 1
    first = world.prefects.asked[0]
    assert first["deployment"] == "promote/prod"
    assert first["parameters"] == {
        "service": "hello",
        "release": stored.digest,
        "environment": "prod",
        "requested_by": "the clock",
    }
    assert {"service:hello", "environment:prod", "clock:test"} <= set(first["tags"])


def test_a_run_that_ended_on_record_is_followed_by_another_and_one_that_died_before_too(world: World) -> None:
    stored = world.release()
    world.granted(stored, "dev")
    world.go()
    key = next(iter(world.prefects.started))
    world.prefects.started[key] = world.prefects.started[key].model_copy(update={"state_type": "CRASHED"})
    world.go()
    assert len(world.prefects.started) == 2
    world.made.finish(world.promotion(stored, "prod").id, PromotionState.ABANDONED, reason="its process died")
    world.go()
    assert len(world.prefects.started) == 3


def test_a_run_that_failed_before_it_was_on_record_needs_a_person(world: World) -> None:
    world.granted(world.release(), "dev")
    world.go()
    key = next(iter(world.prefects.started))
    ended = {"state_type": "FAILED", "state_name": "Refused", "state": {"message": "no such work pool"}}
    world.prefects.started[key] = Run.model_validate({**world.prefects.started[key].model_dump(), **ended})
    (step,) = [step for step in world.go() if step.environment == "prod"]
    assert step.kind == "stuck"
    assert "no such work pool" in step.reason


def test_what_was_asked_for_goes_on_in_the_name_of_who_asked(world: World) -> None:
    stored = world.release(windows=False)
    world.granted(stored, "dev")
    world.waits(stored, "prod")
    world.go()
    assert world.prefects.asked[0]["parameters"]["requested_by"] == "the clock, for Ada <ada@example.com>"


def test_an_older_one_that_waits_is_superseded_by_the_newer_one_that_moves(world: World) -> None:
    older, newer = world.release(), world.release()
    for stored in (older, newer):
        world.granted(stored, "dev")
    waiting = world.waits(older, "prod")
    world.steps()
    assert world.made.promotion(waiting.id).state is PromotionState.WAITING, "looking changes nothing"
    world.go()
    ended = world.made.promotion(waiting.id)
    assert ended.state is PromotionState.SUPERSEDED
    assert newer.release.commit.short in ended.reason


def test_what_waits_for_its_window_is_started_by_nobody(world: World, verdict: dict[str, Any]) -> None:
    world.granted(world.release(), "dev")
    verdict["prod"] = Decision(waits=(Wait(reason="'prod' is closed"),))
    steps = {step.environment: step for step in world.go()}
    assert (steps["prod"].kind, steps["prod"].reason) == ("waits", "'prod' is closed")
    assert world.prefects.asked == []


def test_where_people_have_to_approve_the_run_that_asks_them_is_started_and_not_twice(
    world: World, verdict: dict[str, Any]
) -> None:
    verdict["asking"] = {"prod"}
    stored = world.release()
    world.granted(stored, "dev")
    assert world.steps()["hello", "prod"] == "moves"
    world.asks(stored, "prod", Plan(reason="shown"))
    steps = {step.environment: step for step in world.go()}
    assert (steps["prod"].kind, steps["prod"].reason) == ("waits", "'prod' has 0 of 1 approvals")
    assert world.prefects.asked == []


def test_a_suspended_run_that_everybody_has_approved_of_goes_on_and_no_other_is_started(
    world: World, verdict: dict[str, Any]
) -> None:
    verdict["asking"] = {"prod"}
    stored = world.release()
    world.granted(stored, "dev")
    waiting = world.asks(stored, "prod", APPROVED)
    run = waiting.run_url.rpartition("/")[2]
    world.prefects.runs[run] = Run(id=run, name="promote", state_type="PAUSED", state_name="Suspended")
    (step,) = [step for step in world.go() if step.environment == "prod"]
    assert (step.kind, step.run) == ("moves", f"http://prefect/{run}")
    assert world.prefects.resumed == [run]
    assert world.prefects.asked == []


def test_where_the_suspended_run_is_gone_another_one_goes_on_with_what_was_approved(
    world: World, verdict: dict[str, Any]
) -> None:
    verdict["asking"] = {"prod"}
    stored = world.release()
    world.granted(stored, "dev")
    world.asks(stored, "prod", APPROVED)
    world.go()
    assert [asked["deployment"] for asked in world.prefects.asked] == ["promote/prod"]


def test_a_release_that_cannot_be_read_keeps_no_other_service_from_moving(world: World) -> None:
    lost, stored = world.release(), world.release(service="parrot")
    for one in (lost, stored):
        world.granted(one, "dev")
    del world.releases[lost.digest]
    assert world.steps()["hello", "prod"] == "stuck"
    assert world.steps()["parrot", "prod"] == "moves"
