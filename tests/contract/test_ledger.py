"""What every `Ledger` keeps: the fake, SQLite, and PostgreSQL."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from pratique.clients.ports import Ledger
from pratique.errors import FenceLost, Refused
from pratique.values.digest import digest_of
from pratique.values.grant import GrantEvidence
from pratique.values.lease import Lease
from pratique.values.promotion import Promotion, PromotionState
from tests.contract.promotions import a_promotion, a_release

LONG = timedelta(minutes=5)
BRIEF = timedelta(milliseconds=300)
"""Runs out while a test waits for it."""


def begun(ledger: Ledger, **fields: object) -> Promotion:
    promotion = a_promotion(**fields)  # type: ignore[arg-type]
    ledger.begin(promotion)
    return promotion


def holding(ledger: Ledger, duration: timedelta = LONG, **fields: object) -> tuple[Promotion, Lease]:
    promotion = begun(ledger, **fields)
    lease = ledger.acquire(promotion.id, duration)
    assert lease is not None
    return promotion, lease


def granted(ledger: Ledger, **fields: object) -> Promotion:
    promotion, lease = holding(ledger, **fields)
    done = ledger.grant(promotion.id, lease, "http://127.0.0.1:8080")
    ledger.release(lease)
    return done


def ask_until_given(ledger: Ledger, promotion: Promotion, duration: timedelta = LONG) -> Lease:
    while (lease := ledger.acquire(promotion.id, duration)) is None:
        time.sleep(0.005)
    return lease


# ── what is on record


def test_releases_come_newest_first_and_whole(ledger: Ledger) -> None:
    first, second, other = a_release(), a_release(), a_release("parrot")
    for stored in (first, second, other, first):
        ledger.record_release(stored)

    assert list(ledger.releases()) == [other, second, first]
    assert list(ledger.releases("hello")) == [second, first]
    assert list(ledger.releases("hello", limit=1)) == [second]
    assert list(ledger.releases("nobody")) == []


def test_a_promotion_is_found_as_it_was_begun(ledger: Ledger) -> None:
    promotion = begun(ledger, kind="rollback", reason="it was slow; 'quoted' → ümlaut")

    assert ledger.promotion(promotion.id) == promotion
    assert list(ledger.history()) == [promotion]


def test_beginning_again_is_harmless_and_beginning_as_another_is_refused(ledger: Ledger) -> None:
    promotion, lease = holding(ledger)
    ledger.begin(promotion)

    assert ledger.promotion(promotion.id).fence == lease.fence
    with pytest.raises(Refused, match=promotion.id):
        ledger.begin(promotion.model_copy(update={"environment": "dev"}))
    assert len(ledger.history()) == 1


def test_a_promotion_begins_running_without_a_fence(ledger: Ledger) -> None:
    for fields in ({"state": PromotionState.GRANTED}, {"fence": 7}):
        with pytest.raises(Refused, match="cannot begin"):
            ledger.begin(a_promotion(**fields))  # type: ignore[arg-type]
    assert list(ledger.history()) == []


def test_an_unknown_promotion_is_refused_by_its_id(ledger: Ledger) -> None:
    for ask in (
        ledger.promotion,
        lambda unknown: ledger.finish(unknown, PromotionState.FAILED),
        lambda unknown: ledger.acquire(unknown, LONG),
    ):
        with pytest.raises(Refused, match="no promotion nobody"):
            ask("nobody")


def test_history_is_newest_first_by_service_and_environment(ledger: Ledger) -> None:
    dev, prod = begun(ledger, environment="dev"), begun(ledger, environment="prod")
    other = begun(ledger, service="parrot", environment="prod")

    assert list(ledger.history()) == [other, prod, dev]
    assert list(ledger.history("hello")) == [prod, dev]
    assert list(ledger.history(environment="prod")) == [other, prod]
    assert list(ledger.history("hello", "dev")) == [dev]
    assert list(ledger.history(limit=2)) == [other, prod]
    assert list(ledger.environments()) == [("hello", "dev"), ("hello", "prod"), ("parrot", "prod")]
    assert list(ledger.environments("parrot")) == [("parrot", "prod")]


def test_times_are_in_utc_and_the_databases(ledger: Ledger) -> None:
    promotion, lease = holding(ledger)
    done = ledger.grant(promotion.id, lease, "")

    assert done.finished_at is not None
    assert {done.started_at.tzinfo, done.finished_at.tzinfo, lease.expires_at.tzinfo} == {UTC}
    assert abs(done.finished_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert ledger.promotion(promotion.id) == done


# ── how a promotion ends


def test_what_was_granted_last_is_what_the_environment_holds(ledger: Ledger) -> None:
    assert ledger.granted("hello", "prod") is None
    assert ledger.granted_before("hello", "prod") is None
    first, second = granted(ledger, release="first"), granted(ledger, release="second")
    failed = begun(ledger, release="third")
    ledger.finish(failed.id, PromotionState.FAILED, reason="its check failed")
    again = granted(ledger, release="second")
    granted(ledger, environment="dev", release="fourth")

    assert ledger.granted("hello", "prod") == again
    assert again.state is PromotionState.GRANTED
    assert again.address == "http://127.0.0.1:8080"
    assert ledger.granted_before("hello", "prod") == first
    assert ledger.grant_of("hello", "prod", first.release) == first
    assert ledger.grant_of("hello", "prod", second.release) == again
    assert ledger.grant_of("hello", "prod", failed.release) is None


def test_the_first_ending_stays(ledger: Ledger) -> None:
    promotion = begun(ledger)
    ended = ledger.finish(promotion.id, PromotionState.FAILED, reason="its check failed", address="")

    assert ledger.finish(promotion.id, PromotionState.FAILED, reason="said again") == ended
    with pytest.raises(Refused, match="has ended as failed"):
        ledger.finish(promotion.id, PromotionState.CANCELLED)
    with pytest.raises(Refused, match="has ended"):
        ledger.acquire(promotion.id, LONG)
    assert ledger.promotion(promotion.id) == ended
    assert ended.reason == "its check failed"


def test_nothing_ends_as_running_or_as_granted_without_the_lock(ledger: Ledger) -> None:
    promotion = begun(ledger)
    for state in (PromotionState.RUNNING, PromotionState.GRANTED):
        with pytest.raises(Refused):
            ledger.finish(promotion.id, state)
    assert ledger.promotion(promotion.id).state is PromotionState.RUNNING


def test_a_grant_repeated_is_the_same_grant_even_after_the_lock_has_moved_on(ledger: Ledger) -> None:
    promotion, lease = holding(ledger)
    done = ledger.grant(promotion.id, lease, "http://127.0.0.1:1", reason="nothing to do")
    ledger.release(lease)
    holding(ledger)

    assert ledger.grant(promotion.id, lease, "http://127.0.0.1:2") == done
    assert done.reason == "nothing to do"


def test_a_grant_names_the_evidence_that_carries_it_and_has_its_time(ledger: Ledger) -> None:
    promotion, lease = holding(ledger)
    evidence = GrantEvidence(bundle=digest_of(b"the signed grant"), at=datetime(2026, 3, 2, 9, 0, 30, 250_000, tzinfo=UTC))
    granted = ledger.grant(promotion.id, lease, "", evidence=evidence)
    held = ledger.granted(promotion.service, promotion.environment)
    assert held == granted
    assert (granted.evidence, granted.finished_at) == (evidence.bundle, evidence.at)


def test_a_lease_grants_only_the_promotion_that_holds_it(ledger: Ledger) -> None:
    _, lease = holding(ledger)
    other = begun(ledger)
    with pytest.raises(Refused, match="cannot be granted by the lease"):
        ledger.grant(other.id, lease, "")
    with pytest.raises(FenceLost):
        ledger.grant(other.id, lease.model_copy(update={"holder": other.id}), "")
    assert ledger.granted("hello", "prod") is None


# ── the lock


def test_a_free_lock_is_given_and_a_held_one_is_not(ledger: Ledger) -> None:
    promotion, lease = holding(ledger)
    other = begun(ledger)

    assert lease.holder == promotion.id
    assert ledger.promotion(promotion.id).fence == lease.fence
    assert ledger.holder("hello", "prod") == ledger.promotion(promotion.id)
    assert ledger.acquire(other.id, LONG) is None
    ledger.release(lease)
    assert ledger.holder("hello", "prod") is None
    taken = ledger.acquire(other.id, LONG)
    assert taken is not None
    assert taken.fence > lease.fence


def test_environments_have_locks_of_their_own(ledger: Ledger) -> None:
    held = [
        holding(ledger, environment="dev"),
        holding(ledger, environment="prod"),
        holding(ledger, service="parrot", environment="prod"),
    ]
    holders = [ledger.holder(*place) for place in (("hello", "dev"), ("hello", "prod"), ("parrot", "prod"))]
    assert [one.id if one else None for one in holders] == [promotion.id for promotion, _ in held]


def test_a_renewed_lease_lasts_longer_under_the_same_fence(ledger: Ledger) -> None:
    _, lease = holding(ledger, duration=timedelta(seconds=1))
    longer = ledger.renew(lease, LONG)

    assert longer.fence == lease.fence
    assert longer.expires_at > lease.expires_at
    assert ledger.acquire(begun(ledger).id, LONG) is None


def test_a_dead_holder_is_taken_over_and_can_write_no_more(ledger: Ledger) -> None:
    dead, lease = holding(ledger, duration=BRIEF)
    heir = begun(ledger)
    taken = ask_until_given(ledger, heir)

    assert taken.fence == lease.fence + 1
    abandoned = ledger.promotion(dead.id)
    assert abandoned.state is PromotionState.ABANDONED
    assert heir.id in abandoned.reason
    assert abandoned.finished_at is not None
    for late in (lambda: ledger.grant(dead.id, lease, ""), lambda: ledger.renew(lease, LONG)):
        with pytest.raises(FenceLost, match=f"fence {lease.fence}"):
            late()
    ledger.release(lease)
    assert ledger.holder("hello", "prod") == ledger.promotion(heir.id)
    assert ledger.granted("hello", "prod") is None


def test_taking_over_leaves_an_ending_alone(ledger: Ledger) -> None:
    ended, lease = holding(ledger, duration=BRIEF)
    ledger.grant(ended.id, lease, "")
    ask_until_given(ledger, begun(ledger))

    assert ledger.promotion(ended.id).state is PromotionState.GRANTED


def test_a_lease_that_ran_out_still_counts_until_somebody_takes_over(ledger: Ledger) -> None:
    promotion, lease = holding(ledger, duration=BRIEF)
    while ledger.holder("hello", "prod") is not None:
        time.sleep(0.005)

    longer = ledger.renew(lease, LONG)
    assert ledger.grant(promotion.id, longer, "").state is PromotionState.GRANTED


def test_a_promotion_started_again_shuts_its_earlier_process_out(ledger: Ledger) -> None:
    promotion, lease = holding(ledger)
    again = ledger.acquire(promotion.id, LONG)

    assert again is not None
    assert again.fence == lease.fence + 1
    with pytest.raises(FenceLost):
        ledger.renew(lease, LONG)
    assert ledger.grant(promotion.id, again, "").fence == again.fence


def test_a_lock_given_back_is_no_longer_held(ledger: Ledger) -> None:
    promotion, lease = holding(ledger)
    ledger.release(lease)
    ledger.release(lease)

    with pytest.raises(FenceLost):
        ledger.grant(promotion.id, lease, "")
    with pytest.raises(FenceLost):
        ledger.renew(lease, LONG)


# ── the queue


def test_who_asked_first_is_served_first(ledger: Ledger) -> None:
    _, lease = holding(ledger)
    waiting = [begun(ledger) for _ in range(4)]
    for promotion in waiting:
        assert ledger.acquire(promotion.id, LONG) is None
    assert list(ledger.queue("hello", "prod")) == waiting
    ledger.release(lease)

    for number, promotion in enumerate(waiting):
        for later in reversed(waiting[number + 1 :]):
            assert ledger.acquire(later.id, LONG) is None
        assert list(ledger.queue("hello", "prod")) == waiting[number:]
        taken = ledger.acquire(promotion.id, LONG)
        assert taken is not None
        ledger.release(taken)
    assert list(ledger.queue("hello", "prod")) == []


def test_who_stops_asking_is_passed_in_the_queue_and_recorded_as_abandoned(ledger: Ledger) -> None:
    _, lease = holding(ledger)
    dead, other, alive = begun(ledger), begun(ledger), begun(ledger)
    assert ledger.acquire(dead.id, BRIEF) is None
    assert ledger.acquire(other.id, BRIEF) is None
    assert ledger.acquire(alive.id, LONG) is None
    ledger.release(lease)

    taken = ask_until_given(ledger, alive)
    assert taken.holder == alive.id
    for promotion in (dead, other):
        abandoned = ledger.promotion(promotion.id)
        assert abandoned.state is PromotionState.ABANDONED
        assert alive.id in abandoned.reason
        assert (abandoned.fence, abandoned.finished_at is None) == (None, False)
        with pytest.raises(Refused, match="has ended"):
            ledger.acquire(promotion.id, LONG)
    assert list(ledger.queue("hello", "prod")) == []


def test_a_place_in_the_queue_that_ran_out_still_counts_until_somebody_passes_it(ledger: Ledger) -> None:
    """As after an outage of the database, when everybody is late: who waits is not ended by who asks first again."""
    _, lease = holding(ledger)
    first, second, third = begun(ledger), begun(ledger), begun(ledger)
    for promotion in (first, second, third):
        assert ledger.acquire(promotion.id, BRIEF) is None
    while ledger.queue("hello", "prod"):
        time.sleep(0.005)

    assert ledger.acquire(third.id, LONG) is None
    assert ledger.acquire(first.id, LONG) is None
    ledger.release(lease)
    assert ledger.acquire(third.id, LONG) is None
    assert ledger.acquire(first.id, LONG) is not None
    assert ledger.promotion(second.id).state is PromotionState.RUNNING
    assert ledger.acquire(second.id, LONG) is None
    assert list(ledger.queue("hello", "prod")) == [second, third]


def test_a_holder_that_died_is_taken_over_by_who_passes_those_that_died_waiting(ledger: Ledger) -> None:
    holder, _ = holding(ledger, duration=BRIEF)
    waiter = begun(ledger)
    assert ledger.acquire(waiter.id, BRIEF) is None

    ask_until_given(ledger, begun(ledger))
    states = [ledger.promotion(promotion.id).state for promotion in (holder, waiter)]
    assert states == [PromotionState.ABANDONED, PromotionState.ABANDONED]


def test_who_has_ended_waits_no_longer(ledger: Ledger) -> None:
    _, lease = holding(ledger)
    cancelled, next_one = begun(ledger), begun(ledger)
    assert ledger.acquire(cancelled.id, LONG) is None
    assert ledger.acquire(next_one.id, LONG) is None
    ledger.finish(cancelled.id, PromotionState.CANCELLED)
    ledger.release(lease)

    assert [promotion.id for promotion in ledger.queue("hello", "prod")] == [next_one.id]
    assert ledger.acquire(next_one.id, LONG) is not None


def test_who_has_ended_holds_the_lock_no_longer(ledger: Ledger) -> None:
    """As where a cancelled promotion was given the lock while nobody listened any more."""
    cancelled, lease = holding(ledger)
    ledger.finish(cancelled.id, PromotionState.CANCELLED)

    assert ledger.holder("hello", "prod") is None
    with pytest.raises(FenceLost):
        ledger.renew(lease, LONG)
    _, next_lease = holding(ledger)
    assert next_lease.fence == lease.fence + 1


# ── waiting for its time


def made(ledger: Ledger, *names: str) -> None:
    """Releases on record, in this order."""
    for name in names:
        stored = a_release()
        ledger.record_release(stored.model_copy(update={"digest": digest_of(name.encode())}))


def waits(ledger: Ledger, until: datetime | None = None, **fields: object) -> Promotion:
    return ledger.wait(begun(ledger, **fields).id, "prod is closed", until)


def state_of(ledger: Ledger, promotion: Promotion) -> PromotionState:
    return ledger.promotion(promotion.id).state


def test_releases_have_the_order_in_which_they_came_on_record(ledger: Ledger) -> None:
    made(ledger, "first", "second", "first")
    ledger.record_release(a_release("parrot"))
    assert list(ledger.release_order("hello")) == [digest_of(b"first"), digest_of(b"second")]
    assert list(ledger.release_order("nobody")) == []


def test_a_promotion_waits_with_its_reason_until_its_time_and_is_not_over(ledger: Ledger) -> None:
    until = datetime(2026, 1, 12, 8, tzinfo=UTC)
    promotion = waits(ledger, until)
    assert (promotion.state, promotion.reason, promotion.waits_until) == (PromotionState.WAITING, "prod is closed", until)
    assert promotion.finished_at is None
    assert ledger.promotion(promotion.id) == promotion
    assert list(ledger.waiting("hello", "prod")) == list(ledger.waiting()) == [promotion]
    assert list(ledger.waiting("hello", "dev")) == list(ledger.waiting("parrot")) == []
    assert ledger.wait(promotion.id, "said again", None) == promotion


def test_who_waits_for_its_time_neither_holds_the_lock_nor_asks_for_it(ledger: Ledger) -> None:
    holder, _ = holding(ledger)
    asking = begun(ledger, release="second")
    assert ledger.acquire(asking.id, LONG) is None
    made(ledger, "second", "first")
    ledger.wait(holder.id, "prod has closed", None)
    ledger.wait(asking.id, "prod is closed", None)
    assert list(ledger.queue("hello", "prod")) == []
    assert ledger.holder("hello", "prod") is None
    with pytest.raises(Refused, match="has ended"):
        ledger.acquire(holder.id, LONG)


def test_only_one_that_runs_can_come_to_wait_and_one_that_waits_can_be_ended(ledger: Ledger) -> None:
    failed = begun(ledger)
    ledger.finish(failed.id, PromotionState.FAILED, reason="its check failed")
    with pytest.raises(Refused, match="has ended as failed"):
        ledger.wait(failed.id, "prod is closed", None)
    with pytest.raises(Refused, match="cannot end as waiting"):
        ledger.finish(begun(ledger).id, PromotionState.WAITING)
    waiting = waits(ledger, release="second")
    assert ledger.finish(waiting.id, PromotionState.CANCELLED, reason="not wanted").state is PromotionState.CANCELLED
    assert list(ledger.waiting()) == []


def test_of_those_that_wait_in_one_environment_only_the_newest_release_does(ledger: Ledger) -> None:
    made(ledger, "first", "second")
    elsewhere = waits(ledger, environment="staging", release="first")
    older = waits(ledger, release="first")
    newer = waits(ledger, release="second")
    assert list(ledger.waiting("hello", "prod")) == [newer]
    superseded = ledger.promotion(older.id)
    assert superseded.state is PromotionState.SUPERSEDED
    assert newer.id in superseded.reason
    assert superseded.finished_at is not None
    late = waits(ledger, release="first")
    assert late.state is PromotionState.SUPERSEDED
    assert newer.id in late.reason
    assert list(ledger.waiting()) == [elsewhere, newer]


def test_who_is_asked_for_again_waits_no_longer_under_the_earlier_name(ledger: Ledger) -> None:
    made(ledger, "first", "second")
    waiting = waits(ledger, release="second")
    begun(ledger, kind="rollback", release="second")
    begun(ledger, release="first")
    assert state_of(ledger, waiting) is PromotionState.WAITING
    again = begun(ledger, release="second")
    assert again.id in ledger.promotion(waiting.id).reason
    assert state_of(ledger, waiting) is PromotionState.SUPERSEDED


def test_a_grant_ends_the_waiting_of_older_releases_and_not_of_newer_ones(ledger: Ledger) -> None:
    made(ledger, "first", "second", "third")
    newest = waits(ledger, release="third")
    done = granted(ledger, release="second")
    assert state_of(ledger, newest) is PromotionState.WAITING
    ledger.finish(newest.id, PromotionState.CANCELLED)
    older = waits(ledger, release="first")
    done = granted(ledger, release="second")
    assert done.id in ledger.promotion(older.id).reason
    assert state_of(ledger, older) is PromotionState.SUPERSEDED


def test_what_is_older_than_a_release_is_superseded_when_asked_for(ledger: Ledger) -> None:
    made(ledger, "first", "second")
    older = waits(ledger, release="first")
    assert list(ledger.supersede("hello", "prod", digest_of(b"first"), "no")) == []
    (ended,) = ledger.supersede("hello", "prod", digest_of(b"second"), "the second one is newer")
    assert (ended.id, ended.state, ended.reason) == (older.id, PromotionState.SUPERSEDED, "the second one is newer")
    assert list(ledger.supersede("hello", "prod", digest_of(b"second"), "again")) == []
    assert list(ledger.supersede("nobody", "prod", digest_of(b"second"), "there is nothing")) == []


# ── the queue that only the newest release stays in


def test_a_newer_release_supersedes_the_older_ones_before_it_in_the_queue(ledger: Ledger) -> None:
    made(ledger, "first", "second", "third")
    _, lease = holding(ledger, release="first")
    older, rollback = begun(ledger, release="second"), begun(ledger, kind="rollback", release="first")
    newest, same = begun(ledger, release="third"), begun(ledger, release="third")
    for promotion in (older, rollback):
        assert ledger.acquire(promotion.id, LONG) is None
    for promotion in (newest, same):
        assert ledger.acquire(promotion.id, LONG, newest_only=True) is None
    assert [one.id for one in ledger.queue("hello", "prod")] == [rollback.id, newest.id, same.id]
    superseded = ledger.promotion(older.id)
    assert superseded.state is PromotionState.SUPERSEDED
    assert newest.id in superseded.reason
    with pytest.raises(Refused, match=newest.id):
        ledger.acquire(older.id, LONG)
    ledger.release(lease)
    assert ledger.acquire(newest.id, LONG, newest_only=True) is None, "the rollback came first"
    assert ledger.acquire(rollback.id, LONG) is not None


def test_an_older_release_that_comes_later_into_such_a_queue_is_superseded_at_once(ledger: Ledger) -> None:
    made(ledger, "first", "second", "third")
    holding(ledger, release="first")
    newest, older = begun(ledger, release="third"), begun(ledger, release="second")
    assert ledger.acquire(newest.id, LONG) is None
    assert ledger.acquire(older.id, LONG, newest_only=True) is None
    assert state_of(ledger, older) is PromotionState.SUPERSEDED
    assert [one.id for one in ledger.queue("hello", "prod")] == [newest.id]


def test_who_has_stopped_asking_supersedes_nobody(ledger: Ledger) -> None:
    made(ledger, "first", "second", "third")
    holding(ledger, release="first")
    dead, alive = begun(ledger, release="third"), begun(ledger, release="second")
    assert ledger.acquire(dead.id, BRIEF) is None
    while ledger.queue("hello", "prod"):
        time.sleep(0.005)
    assert ledger.acquire(alive.id, LONG, newest_only=True) is None
    assert state_of(ledger, alive) is PromotionState.RUNNING


def test_without_that_rule_each_has_its_turn(ledger: Ledger) -> None:
    made(ledger, "first", "second", "third")
    holding(ledger, release="first")
    waiting = [begun(ledger, release=release) for release in ("second", "third")]
    for promotion in waiting:
        assert ledger.acquire(promotion.id, LONG) is None
    assert list(ledger.queue("hello", "prod")) == waiting


def test_of_many_threads_one_holds_the_lock_at_a_time(ledger: Ledger) -> None:
    inside, order, overlap = threading.Lock(), list[int](), list[int]()

    def compete(_: int) -> None:
        for _ in range(3):
            promotion = begun(ledger)
            lease = ask_until_given(ledger, promotion)
            if not inside.acquire(blocking=False):
                overlap.append(lease.fence)
                return
            order.append(lease.fence)
            ledger.grant(promotion.id, lease, "")
            inside.release()
            ledger.release(lease)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(compete, range(6)))

    assert overlap == []
    assert order == list(range(1, 19))
    newest = ledger.granted("hello", "prod")
    assert newest is not None
    assert newest.fence == 18


def test_a_service_without_promotions_is_empty_everywhere(ledger: Ledger) -> None:
    assert ledger.holder("nobody", "prod") is None
    assert list(ledger.queue("nobody", "prod")) == []
    assert ledger.grant_of("nobody", "prod", digest_of(b"none")) is None
    assert list(ledger.environments("nobody")) == []
