"""What every `Inbox` keeps: the fake, SQLite, and PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pratique.clients.inbox import open_inbox
from pratique.clients.ports.inbox import Inbox
from pratique.errors import FenceLost, Refused
from pratique.settings import LedgerSettings
from pratique.values.event import Claim, EventKind, EventState, Forge, ReportClaim
from pratique.values.report import Reported, ReportState
from tests.contract.events import a_commit, an_event
from tests.fakes.inbox import FakeInbox

LONG = timedelta(minutes=5)
BRIEF = timedelta(milliseconds=200)
"""Runs out while a test waits for it."""


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
def inbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Inbox]:
    if request.param == "fake":
        yield FakeInbox()
        return
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        new_postgresql: Callable[[], str] = request.getfixturevalue("new_postgresql")
        url = new_postgresql()
    with open_inbox(LedgerSettings(url=url)) as real:
        yield real


def claimed(inbox: Inbox, holder: str = "one", duration: timedelta = LONG) -> Claim:
    claim = inbox.claim(holder, duration)
    assert claim is not None
    return claim


# ── storing


def test_what_is_stored_is_found_whole_newest_first(inbox: Inbox) -> None:
    first, second = an_event(), an_event(service="parrot", kind=EventKind.TAG, ref="refs/tags/v1", commit=None)
    third = an_event(kind=EventKind.PULL_REQUEST, ref="refs/pull/7/head", pull_request=7, through="staging")
    assert list(inbox.store([first, second])) == [True, True]
    assert list(inbox.store([third])) == [True]

    assert [held.event for held in inbox.events()] == [third, second, first]
    assert [held.event for held in inbox.events("hello")] == [third, first]
    assert [held.event for held in inbox.events(limit=1)] == [third]
    assert [held.event for held in inbox.events(state=EventState.STARTED)] == []
    assert {(held.state, held.attempts, held.reason, held.run) for held in inbox.events()} == {(EventState.WAITING, 0, "", "")}


def test_the_same_event_is_known_by_its_delivery_and_by_what_it_says(inbox: Inbox) -> None:
    event = an_event()
    assert list(inbox.store([event])) == [True]
    again = event.model_copy(update={"received_at": datetime.now(UTC)})
    same_delivery = an_event(delivery=event.delivery)
    same_words = event.model_copy(update={"delivery": "another"})
    assert list(inbox.store([again, same_delivery, same_words])) == [False, False, False]
    assert [held.event for held in inbox.events()] == [event]


def test_of_the_same_event_twice_in_one_transaction_one_is_new(inbox: Inbox) -> None:
    event, other = an_event(), an_event()
    assert list(inbox.store([event, event, other])) == [True, False, True]


@pytest.mark.parametrize(
    "changed",
    [
        {"forge": Forge.GITEA},
        {"repository": "https://git.example.test/team/parrot.git"},
        {"ref": "refs/heads/other"},
        {"commit": a_commit(10**9)},
        {"kind": EventKind.TAG},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_events_that_say_something_else_are_others(inbox: Inbox, changed: dict[str, object]) -> None:
    event = an_event()
    other = event.model_copy(update={"delivery": "another", **changed})
    assert list(inbox.store([event, other])) == [True, True]


def test_many_that_store_the_same_at_once_find_one_new(inbox: Inbox) -> None:
    events = [an_event() for _ in range(20)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: inbox.store(events), range(4)))
    assert sum(map(sum, found)) == len(events)
    assert len(inbox.events()) == len(events)


# ── dispatching


def test_the_oldest_comes_first_and_its_lane_waits_for_it(inbox: Inbox) -> None:
    first, behind, elsewhere = an_event(), an_event(), an_event(ref="refs/heads/other")
    inbox.store([first, behind, elsewhere])

    one, two = claimed(inbox, "one"), claimed(inbox, "two")
    assert (one.held.event, two.held.event) == (first, elsewhere)
    assert inbox.claim("three", LONG) is None
    inbox.finish(one, EventState.STARTED, commit=first.commit or "", run="run-1", run_url="http://prefect/run-1")
    assert claimed(inbox).held.event == behind

    ended = inbox.events(state=EventState.STARTED)
    assert [(held.event, held.run, held.run_url) for held in ended] == [(first, "run-1", "http://prefect/run-1")]
    assert ended[0].finished_at is not None


def test_the_same_ref_of_another_repository_is_another_lane(inbox: Inbox) -> None:
    events = [an_event(), an_event(repository="https://git.example.test/team/parrot.git")]
    inbox.store(events)
    assert [claimed(inbox).held.event, claimed(inbox).held.event] == events


def test_what_is_postponed_waits_with_all_behind_it(inbox: Inbox) -> None:
    first, behind = an_event(), an_event()
    inbox.store([first, behind])
    inbox.postpone(claimed(inbox), LONG, "Prefect is down")
    assert inbox.claim("one", LONG) is None
    assert [held.reason for held in inbox.events()] == ["", "Prefect is down"]


def test_what_was_postponed_is_claimed_again_when_its_time_has_come(inbox: Inbox) -> None:
    first, behind = an_event(), an_event()
    inbox.store([first, behind])
    inbox.postpone(claimed(inbox), BRIEF, "Prefect is down")

    while (claim := inbox.claim("one", LONG)) is None:
        time.sleep(0.01)
    assert (claim.held.event, claim.held.attempts) == (first, 1)


def test_a_dead_dispatcher_is_taken_over_and_can_write_no_more(inbox: Inbox) -> None:
    inbox.store([an_event()])
    dead = claimed(inbox, "dead", BRIEF)
    while (heir := inbox.claim("heir", LONG)) is None:
        time.sleep(0.01)
    assert heir.held.event == dead.held.event
    assert heir.fence > dead.fence
    with pytest.raises(FenceLost):
        inbox.finish(dead, EventState.STARTED, run="late")
    with pytest.raises(FenceLost):
        inbox.postpone(dead, BRIEF, "late")
    inbox.finish(heir, EventState.STARTED, run="run")
    with pytest.raises(FenceLost):
        inbox.finish(heir, EventState.REFUSED, reason="twice")
    assert [held.run for held in inbox.events()] == ["run"]


def test_an_ending_is_none_that_still_waits(inbox: Inbox) -> None:
    inbox.store([an_event()])
    with pytest.raises(Refused, match="postpone"):
        inbox.finish(claimed(inbox), EventState.WAITING)


def test_several_dispatchers_share_the_work_and_none_is_given_twice(inbox: Inbox) -> None:
    events = [an_event(ref=f"refs/heads/{number % 5}") for number in range(25)]
    inbox.store(events)

    def work(name: str) -> list[str]:
        done = []
        while inbox.backlog().waiting:
            claim = inbox.claim(name, LONG)
            if claim is not None:
                done.append(claim.held.event.delivery)
                inbox.finish(claim, EventState.STARTED, run=name)
        return done

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(work, "abcd"))
    assert sorted(delivery for each in done for delivery in each) == sorted(event.delivery for event in events)


def test_the_commit_started_last_of_a_lane_is_remembered_for_good(inbox: Inbox) -> None:
    first, second, refused = an_event(), an_event(), an_event()
    inbox.store([first, second, refused])
    assert inbox.dispatched(first) is None
    for event in (first, second):
        inbox.finish(claimed(inbox), EventState.STARTED, commit=event.commit or "")
        assert inbox.dispatched(first) == event.commit
    inbox.finish(claimed(inbox), EventState.REFUSED, reason="not on the ref", commit=refused.commit or "")
    assert inbox.dispatched(first) == second.commit
    assert inbox.dispatched(an_event(ref="refs/heads/other")) is None

    assert inbox.forget(datetime.now(UTC) + LONG) == 3
    assert inbox.dispatched(first) == second.commit


def test_a_refused_event_may_wait_again_and_no_other(inbox: Inbox) -> None:
    inbox.store([an_event()])
    claim = claimed(inbox)
    with pytest.raises(Refused, match="no refused event"):
        inbox.again(claim.held.number)
    inbox.finish(claim, EventState.REFUSED, reason="access was denied")
    assert inbox.events()[0].reason == "access was denied"
    assert inbox.again(claim.held.number).state is EventState.WAITING
    inbox.finish(claimed(inbox), EventState.STARTED, run="run")
    with pytest.raises(Refused, match="no refused event"):
        inbox.again(claim.held.number)


# ── keeping


def test_the_backlog_is_what_waits_and_since_when(inbox: Inbox) -> None:
    assert inbox.backlog().waiting == 0
    assert inbox.backlog().oldest is None
    old = an_event(received_at=datetime.now(UTC) - LONG)
    inbox.store([old, an_event()])
    assert inbox.backlog().waiting == 2
    assert inbox.backlog().oldest == old.received_at
    inbox.finish(claimed(inbox), EventState.SUPERSEDED, reason="older")
    assert inbox.backlog().waiting == 1


def test_only_what_has_ended_is_forgotten(inbox: Inbox) -> None:
    ended, waits = an_event(), an_event()
    inbox.store([ended, waits])
    inbox.finish(claimed(inbox), EventState.REFUSED, reason="no")
    assert inbox.forget(datetime.now(UTC) - LONG) == 0
    assert inbox.forget(datetime.now(UTC) + LONG) == 1
    assert [held.event for held in inbox.events()] == [waits]
    assert list(inbox.store([ended])) == [True]


# ── what forges are told

ALL = tuple(Forge)


def told(inbox: Inbox) -> ReportClaim:
    claim = inbox.claim_report(ALL, LONG)
    assert claim is not None
    return claim


def test_an_event_that_reports_is_due_at_once_and_no_other_is(inbox: Inbox) -> None:
    inbox.store([an_event(), an_event(reports=True), an_event(forge=Forge.GITLAB, reports=True)])
    assert inbox.claim_report([Forge.GITEA], LONG) is None
    assert [told(inbox).held.number, told(inbox).held.number] == [2, 3]
    assert inbox.claim_report(ALL, LONG) is None


def test_only_forges_that_are_asked_for_are_given(inbox: Inbox) -> None:
    inbox.store([an_event(reports=True), an_event(forge=Forge.GITLAB, reports=True)])
    claim = inbox.claim_report([Forge.GITLAB], LONG)
    assert claim is not None
    assert claim.held.event.forge is Forge.GITLAB


def test_what_was_told_is_kept_and_due_again_when_it_was_said_or_never(inbox: Inbox) -> None:
    inbox.store([an_event(reports=True)])
    first = Reported(state=ReportState.PENDING, run="run-1")
    inbox.record_report(told(inbox), first, BRIEF)
    assert inbox.events()[0].reported == first
    time.sleep(BRIEF.total_seconds())
    last = Reported(state=ReportState.SUCCESS, run="run-1", attempts=3, problem="it was down")
    inbox.record_report(told(inbox), last, None)
    time.sleep(BRIEF.total_seconds())
    assert inbox.claim_report(ALL, LONG) is None
    assert inbox.events()[0].reported == last


def test_what_was_told_is_not_due_before_it_was_said(inbox: Inbox) -> None:
    inbox.store([an_event(reports=True)])
    inbox.record_report(told(inbox), Reported(state=ReportState.PENDING, run="run-1"), LONG)
    assert inbox.claim_report(ALL, LONG) is None


def test_whoever_claimed_a_report_and_died_is_taken_over_from(inbox: Inbox) -> None:
    inbox.store([an_event(reports=True)])
    dead = inbox.claim_report(ALL, BRIEF)
    assert dead is not None
    time.sleep(BRIEF.total_seconds())
    heir = told(inbox)
    with pytest.raises(FenceLost):
        inbox.record_report(dead, Reported(state=ReportState.PENDING), None)
    inbox.record_report(heir, Reported(state=ReportState.RUNNING), None)
    assert inbox.events()[0].reported.state is ReportState.RUNNING


@pytest.mark.parametrize("state", [EventState.STARTED, EventState.SUPERSEDED, EventState.REFUSED])
def test_an_event_that_ended_is_due_at_once_whatever_was_being_told(inbox: Inbox, state: EventState) -> None:
    inbox.store([an_event(reports=True)])
    inbox.record_report(told(inbox), Reported(state=ReportState.PENDING), LONG)
    inbox.finish(claimed(inbox), state, commit=a_commit(9), run="run-1")
    late = told(inbox)
    assert (late.held.state, late.held.commit, late.held.reported.state) == (state, a_commit(9), ReportState.PENDING)
    assert inbox.claim_report(ALL, LONG) is None


def test_what_somebody_read_before_the_event_changed_is_not_recorded(inbox: Inbox) -> None:
    inbox.store([an_event(reports=True)])
    early = told(inbox)
    inbox.finish(claimed(inbox), EventState.REFUSED)
    with pytest.raises(FenceLost):
        inbox.record_report(early, Reported(state=ReportState.PENDING), None)
    inbox.record_report(told(inbox), Reported(state=ReportState.FAILURE), None)
    inbox.again(1)
    assert told(inbox).held.state is EventState.WAITING


def test_events_that_do_not_report_stay_silent_whatever_becomes_of_them(inbox: Inbox) -> None:
    inbox.store([an_event()])
    inbox.finish(claimed(inbox), EventState.REFUSED)
    inbox.again(1)
    inbox.finish(claimed(inbox), EventState.STARTED, commit=a_commit(1))
    assert inbox.claim_report(ALL, LONG) is None
    assert inbox.events()[0].commit == a_commit(1)


def test_the_backlog_counts_whom_a_forge_was_not_told_of(inbox: Inbox) -> None:
    inbox.store([an_event(reports=True), an_event(reports=True), an_event(reports=True)])
    inbox.record_report(told(inbox), Reported(state=ReportState.PENDING), LONG)
    inbox.record_report(told(inbox), Reported(attempts=1, problem="it is down"), LONG)
    inbox.record_report(told(inbox), Reported(attempts=1, problem="it was given up"), None)
    assert inbox.backlog().unreported == 1


def test_several_reporters_tell_of_each_event_once(inbox: Inbox) -> None:
    inbox.store([an_event(reports=True) for _ in range(30)])
    found: list[int] = []

    def reporter(_: int) -> None:
        misses = 0
        while misses < 5:
            claim = inbox.claim_report(ALL, LONG)
            if claim is None:
                misses += 1
                continue
            found.append(claim.held.number)
            inbox.record_report(claim, Reported(state=ReportState.SUCCESS), None)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(reporter, range(4)))
    assert sorted(found) == list(range(1, 31))
