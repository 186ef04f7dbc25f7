"""From the inbox to Prefect: order, supersession, refusals, and everything that may fail in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pratique.bootstrap import Clients
from pratique.clients.ports import Source
from pratique.clients.prefect import Prefect, Run
from pratique.errors import Refused, Transient
from pratique.values.event import Action, Event, EventKind, EventState, InboxEvent
from pratique.webhook.dispatcher import LONGEST_PAUSE, Dispatcher
from pratique.webhook.metrics import Metrics
from tests.contract.events import an_event
from tests.fakes.inbox import FakeInbox
from tests.fakes.source import FakeSource
from tests.unit.webhook.receiving import settings


@dataclass
class FakePrefect:
    """A server that starts one run for each key."""

    started: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: int = 0
    fails: Exception | None = None

    def start(self, deployment: str, parameters: Mapping[str, Any], *, key: str | None = None, tags: Sequence[str] = ()) -> Run:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        self.started.setdefault(str(key), {"deployment": deployment, "parameters": dict(parameters), "tags": tuple(tags)})
        return Run(id=f"run-{list(self.started).index(str(key)) + 1}", name="run")

    def page(self, run: Run) -> str:
        return f"http://prefect/runs/{run.id}"


@dataclass(frozen=True, slots=True)
class ClientsInMemory(Clients):
    git: FakeSource = field(default_factory=FakeSource)
    server: FakePrefect = field(default_factory=FakePrefect)

    def source(self) -> Source:
        return self.git

    @contextmanager
    def prefect(self) -> Iterator[Prefect]:
        yield self.server  # type: ignore[misc]


@dataclass
class Place:
    """A dispatcher, and everything around it."""

    clock: list[datetime]
    inbox: FakeInbox
    clients: ClientsInMemory
    dispatcher: Dispatcher

    @property
    def git(self) -> FakeSource:
        return self.clients.git

    @property
    def prefect(self) -> FakePrefect:
        return self.clients.server

    def push(self, commit: str, **fields: Any) -> Event:
        event = an_event(repository=self.git.repository, commit=commit, **fields)
        assert list(self.inbox.store([event])) == [True]
        return event

    def dispatch(self) -> list[InboxEvent]:
        """Dispatch until nothing is due; what is in the inbox, oldest first."""
        while self.dispatcher.dispatch_one():
            pass
        return list(reversed(self.inbox.events()))

    def commits(self, count: int, branch: str = "main") -> list[str]:
        return [self.git.commit({"file": str(number).encode()}, branch=branch) for number in range(count)]


@pytest.fixture
def place() -> Place:
    clock = [datetime.now(UTC)]
    inbox = FakeInbox(lambda: clock[0])
    clients = ClientsInMemory(settings())
    return Place(clock, inbox, clients, Dispatcher(clients, inbox, Metrics(), "one"))


def states(found: list[InboxEvent]) -> list[EventState]:
    return [held.state for held in found]


def test_a_push_delivers_its_commit_under_its_own_key(place: Place) -> None:
    (commit,) = place.commits(1)
    event = place.push(commit, through="staging")
    (held,) = place.dispatch()
    assert (held.state, held.run, held.run_url) == (EventState.STARTED, "run-1", "http://prefect/runs/run-1")
    assert place.prefect.started == {
        f"event:github:{event.delivery}:{commit}": {
            "deployment": "deliver/pratique",
            "parameters": {
                "repository": place.git.repository,
                "ref": commit,
                "through": "staging",
                "requested_by": "github push refs/heads/main",
            },
            "tags": ("pratique", "service:hello", "event:github:push"),
        }
    }


def test_a_tag_without_a_commit_is_asked_of_git(place: Place) -> None:
    (commit,) = place.commits(1)
    place.git.name("refs/tags/v1", commit)
    event = an_event(
        repository=place.git.repository, kind=EventKind.TAG, ref="refs/tags/v1", commit=None, action=Action.PREPARE
    )
    place.inbox.store([event])
    (held,) = place.dispatch()
    assert held.state is EventState.STARTED
    (started,) = place.prefect.started.values()
    assert started["deployment"] == "prepare/pratique"
    assert started["parameters"] == {"repository": place.git.repository, "ref": commit}


def test_a_pull_request_gives_a_preview_of_the_commit_that_it_is_at(place: Place) -> None:
    place.commits(1)
    older, newer = place.commits(2, "feature")
    place.git.name("refs/pull/7/head", newer)
    fields: dict[str, Any] = {
        "kind": EventKind.PULL_REQUEST,
        "ref": "refs/pull/7/head",
        "pull_request": 7,
        "action": Action.PREVIEW,
    }
    place.push(older, **fields)
    place.push(newer, **fields)
    first, second = place.dispatch()
    assert states([first, second]) == [EventState.SUPERSEDED, EventState.STARTED]
    assert "the pull request is at" in first.reason
    (started,) = place.prefect.started.values()
    assert started["deployment"] == "preview/pratique"
    assert started["parameters"]["ref"] == "refs/pull/7/head"
    assert started["parameters"]["commit"] == newer


def test_an_image_delivers_the_branch_of_its_rule_and_git_is_not_asked(place: Place) -> None:
    place.push("sha256:" + "a" * 64, kind=EventKind.IMAGE, ref="team/base:3.12", branch="main")
    (held,) = place.dispatch()
    assert held.state is EventState.STARTED
    (started,) = place.prefect.started.values()
    assert started["parameters"]["ref"] == "main"


def test_a_commit_that_is_not_on_the_ref_starts_nothing(place: Place) -> None:
    place.commits(1)
    (other,) = place.commits(1, "feature")
    place.push(other)
    (held,) = place.dispatch()
    assert (held.state, place.prefect.asked) == (EventState.REFUSED, 0)
    assert "is not on refs/heads/main" in held.reason


def test_a_ref_that_is_gone_starts_nothing(place: Place) -> None:
    (commit,) = place.commits(1)
    place.push(commit, ref="refs/heads/gone")
    (held,) = place.dispatch()
    assert held.state is EventState.REFUSED


def test_pushes_in_order_are_all_delivered_in_order(place: Place) -> None:
    commits = place.commits(4)
    for commit in commits:
        place.push(commit)
    assert states(place.dispatch()) == [EventState.STARTED] * 4
    assert [started["parameters"]["ref"] for started in place.prefect.started.values()] == commits


def test_an_older_commit_never_overtakes_a_newer_one(place: Place) -> None:
    first, second, third = place.commits(3)
    for commit in (second, first, third):
        place.push(commit)
    found = place.dispatch()
    assert states(found) == [EventState.STARTED, EventState.SUPERSEDED, EventState.STARTED]
    assert second[:12] in found[1].reason
    assert [started["parameters"]["ref"] for started in place.prefect.started.values()] == [second, third]


def test_what_was_dispatched_once_is_not_again_though_it_was_forgotten(place: Place) -> None:
    (commit,) = place.commits(1)
    event = place.push(commit)
    place.dispatch()
    place.inbox.forget(place.clock[0] + timedelta(days=1))
    assert list(place.inbox.store([event])) == [True]
    (held,) = place.dispatch()
    assert (held.state, place.prefect.asked) == (EventState.SUPERSEDED, 1)


def test_after_history_was_rewritten_the_new_history_is_delivered(place: Place) -> None:
    place.commits(1)
    (old,) = place.commits(1)
    place.push(old)
    place.dispatch()
    place.git.name("refs/heads/main", None)
    (new,) = place.commits(1)
    place.push(new)
    assert states(place.dispatch()) == [EventState.STARTED, EventState.STARTED]


def test_while_prefect_is_down_events_wait_in_order_and_then_catch_up(place: Place) -> None:
    commits = place.commits(3)
    for commit in commits:
        place.push(commit)
    place.prefect.fails = Transient("Prefect did not answer")
    tries = 0
    for _ in range(200):
        place.clock[0] += timedelta(seconds=3)
        tries += place.dispatcher.dispatch_one()
    found = list(reversed(place.inbox.events()))
    assert states(found) == [EventState.WAITING] * 3
    assert (found[0].reason, found[1].attempts) == ("Prefect did not answer", 0)
    # Ten minutes: twenty tries at the longest pause, not one each time somebody looks.
    assert 15 <= tries <= 50

    place.prefect.fails = None
    place.clock[0] += timedelta(seconds=LONGEST_PAUSE)
    assert states(place.dispatch()) == [EventState.STARTED] * 3
    assert [started["parameters"]["ref"] for started in place.prefect.started.values()] == commits


def test_what_prefect_refuses_is_recorded_with_its_reason_and_may_wait_again(place: Place) -> None:
    (commit,) = place.commits(1)
    place.push(commit)
    place.prefect.fails = Refused("no deployment 'deliver/pratique'")
    (held,) = place.dispatch()
    assert (held.state, held.reason) == (EventState.REFUSED, "no deployment 'deliver/pratique'")
    place.prefect.fails = None
    place.inbox.again(held.number)
    assert states(place.dispatch()) == [EventState.STARTED]


def test_a_dispatcher_that_died_after_starting_is_taken_over_and_nothing_is_started_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (commit,) = place.commits(1)
    place.push(commit)

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place.inbox, "finish", dies)
        with pytest.raises(KeyboardInterrupt):
            place.dispatcher.dispatch_one()
    assert place.dispatch()[0].state is EventState.WAITING
    place.clock[0] += timedelta(hours=1)
    (held,) = place.dispatch()
    assert (held.state, held.run) == (EventState.STARTED, "run-1")
    assert (place.prefect.asked, len(place.prefect.started)) == (2, 1)


def test_a_dispatcher_that_slept_through_its_claim_records_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (commit,) = place.commits(1)
    place.push(commit)
    heir = Dispatcher(place.clients, place.inbox, Metrics(), "heir")
    start = place.prefect.start

    def slowly(*arguments: Any, **named: Any) -> Run:
        monkeypatch.setattr(place.prefect, "start", start)
        place.clock[0] += timedelta(hours=1)
        assert heir.dispatch_one()
        return start(*arguments, **named)

    monkeypatch.setattr(place.prefect, "start", slowly)
    assert place.dispatcher.dispatch_one()
    (held,) = place.inbox.events()
    assert (held.state, held.run, len(place.prefect.started)) == (EventState.STARTED, "run-1", 1)


def test_events_that_ended_long_ago_are_deleted(place: Place) -> None:
    (commit,) = place.commits(1)
    place.push(commit)
    place.dispatch()
    assert place.dispatcher.forget_old() == 0
    place.clock[0] -= timedelta(days=91)
    place.push(place.commits(1)[0])
    place.dispatch()
    assert place.dispatcher.forget_old() == 1


def test_a_pull_request_of_a_fork_starts_nothing_unless_the_operator_allows_it(place: Place) -> None:
    place.commits(1)
    (commit,) = place.commits(1, "elsewhere")
    place.git.name("refs/pull/7/head", commit)
    place.git.name("refs/heads/elsewhere", None)
    fields: dict[str, Any] = {"kind": EventKind.PULL_REQUEST, "ref": "refs/pull/7/head", "action": Action.PREVIEW}
    place.push(commit, **fields, pull_request=7)
    (held,) = place.dispatch()
    assert (held.state, place.prefect.asked) == (EventState.REFUSED, 0)
    assert "as those of a fork are" in held.reason

    allowing = ClientsInMemory(settings({"previews_of_forks": True}), place.git, place.prefect)
    place.inbox.again(held.number)
    assert Dispatcher(allowing, place.inbox, Metrics(), "two").dispatch_one()
    assert states(place.dispatch()) == [EventState.STARTED]
