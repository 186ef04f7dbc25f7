"""What is on record about environments: in which order, since when, and which there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pratique.errors import Refused
from pratique.pipeline.places import holds_since, require_known, upstream_first
from pratique.values.promotion import Promotion
from tests.contract.promotions import a_promotion, a_release
from tests.fakes.ledger import FakeLedger

LEASE = timedelta(minutes=5)


class Clock:
    """A ledger's clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def granted(ledger: FakeLedger, release: str, environment: str = "prod", service: str = "hello") -> Promotion:
    promotion = a_promotion(service, environment, release)
    ledger.begin(promotion)
    lease = ledger.acquire(promotion.id, LEASE)
    assert lease is not None
    return ledger.grant(promotion.id, lease, "127.0.0.1:80")


def test_what_is_granted_again_without_a_change_is_held_since_the_first_time() -> None:
    clock = Clock()
    ledger = FakeLedger(clock)
    granted(ledger, "other")
    clock.now += timedelta(hours=1)
    first = granted(ledger, "this")
    for _ in range(3):
        clock.now += timedelta(hours=1)
        held = granted(ledger, "this")
    assert held.finished_at != first.finished_at
    assert holds_since(ledger, held) == first.finished_at


def test_what_failed_in_between_does_not_end_it() -> None:
    clock = Clock()
    ledger = FakeLedger(clock)
    first = granted(ledger, "this")
    failed = a_promotion(release="that")
    ledger.begin(failed)
    ledger.finish(failed.id, failed.state.FAILED, reason="it is not signed")
    clock.now += timedelta(hours=1)
    assert holds_since(ledger, granted(ledger, "this")) == first.finished_at


def test_what_comes_back_is_held_since_it_came_back() -> None:
    clock = Clock()
    ledger = FakeLedger(clock)
    for release in ("this", "that"):
        granted(ledger, release)
        clock.now += timedelta(hours=1)
    back = granted(ledger, "this")
    assert holds_since(ledger, back) == back.finished_at


def test_places_stand_in_the_order_of_the_newest_release_and_what_it_does_not_know_comes_last() -> None:
    ledger = FakeLedger()
    ledger.record_release(a_release("hello"))
    for environment in ("abandoned", "prod", "dev"):
        granted(ledger, "this", environment)
    assert [place for _, place in upstream_first(ledger, "hello")] == ["dev", "prod", "abandoned"]


def test_who_asks_for_what_is_not_on_record_is_told_what_is() -> None:
    ledger = FakeLedger()
    require_known(ledger, "anything", "anywhere")
    granted(ledger, "this", "dev", "hello")
    granted(ledger, "this", "prod", "another")
    require_known(ledger, None)
    require_known(ledger, "hello", "dev")
    with pytest.raises(Refused, match="service 'helo' is on record, only of another, hello"):
        require_known(ledger, "helo")
    with pytest.raises(Refused, match="'hello' into 'prod' is on record, only into dev"):
        require_known(ledger, "hello", "prod")
