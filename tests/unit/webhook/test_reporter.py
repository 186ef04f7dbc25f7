"""From the inbox to the forge: each state told once, whatever dies or is down in between."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from pratique.bootstrap import Clients
from pratique.clients.ports.forge import ForgeClient
from pratique.clients.prefect import Prefect, Run
from pratique.errors import Refused, Transient
from pratique.values.event import Action, Event, EventKind, EventState, Forge, InboxEvent
from pratique.values.report import ReportState
from pratique.webhook import reporter as reporting
from pratique.webhook.metrics import Metrics
from pratique.webhook.reporter import LONGEST_REST, Reporter
from tests.contract.events import HELLO, a_commit, an_event
from tests.fakes.forge import FakeForge
from tests.fakes.inbox import FakeInbox
from tests.unit.webhook.receiving import settings

FORGES = {
    name: {"api": f"https://{name}.example.test", "token": "vault:kv/data/webhook#token"} for name in ("github", "gitlab")
}


@dataclass
class FakeServer:
    """Flow runs whose states a test sets."""

    runs: dict[str, Run] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    fails: Exception | None = None

    def be(self, run: str, kind: str, name: str = "", message: str = "", **fields: Any) -> None:
        state = {"message": message, "timestamp": datetime.now(UTC).isoformat()}
        told = {"id": run, "name": run, "state_type": kind, "state_name": name or kind.capitalize(), "state": state}
        self.runs[run] = Run.model_validate(told | fields)

    def find(self, run_id: str) -> Run | None:
        if self.fails is not None:
            raise self.fails
        return self.runs.get(run_id)

    def runs_tagged(self, tag: str) -> tuple[Run, ...]:
        return tuple(run for run in self.runs.values() if tag in run.tags)

    def markdown(self, run_id: str) -> str | None:
        return self.artifacts.get(run_id)

    def page(self, run: Run) -> str:
        return f"http://prefect/{run.id}"


@dataclass(frozen=True, slots=True)
class InMemory(Clients):
    server: FakeServer = field(default_factory=FakeServer)
    forges: dict[Forge, FakeForge] = field(default_factory=lambda: {Forge(name): FakeForge() for name in FORGES})

    @contextmanager
    def prefect(self) -> Iterator[Prefect]:
        yield cast("Prefect", self.server)

    @contextmanager
    def forge(self, kind: Forge) -> Iterator[ForgeClient]:
        yield self.forges[kind]


@dataclass
class Place:
    """A reporter, everything around it, and a clock that goes on when it is told to."""

    clock: list[datetime]
    inbox: FakeInbox
    clients: InMemory
    reporter: Reporter

    @property
    def forge(self) -> FakeForge:
        return self.clients.forges[Forge.GITHUB]

    @property
    def prefect(self) -> FakeServer:
        return self.clients.server

    def stored(self, **fields: Any) -> Event:
        event = an_event(repository=HELLO, reports=True, received_at=self.clock[0], **fields)
        assert list(self.inbox.store([event])) == [True]
        return event

    def started(self, **fields: Any) -> tuple[Event, str]:
        event = self.stored(**fields)
        run = f"run-{uuid.uuid4()}"
        self.prefect.be(run, "SCHEDULED")
        self.finish(EventState.STARTED, commit=event.commit or "", run=run, run_url=f"http://prefect/{run}")
        return event, run

    def finish(self, state: EventState, **fields: Any) -> None:
        claim = self.inbox.claim("dispatcher", timedelta(minutes=1))
        assert claim is not None
        self.inbox.finish(claim, state, **fields)

    def report(self, seconds: float = 31) -> InboxEvent:
        """Everything that is due within that time; the newest event after it."""
        while self.reporter.report_one():
            pass
        self.clock[0] += timedelta(seconds=seconds)
        while self.reporter.report_one():
            pass
        return self.inbox.events()[0]

    def told(self, forge: Forge = Forge.GITHUB) -> list[str]:
        return [told.state for _, _, told in self.clients.forges[forge].history]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    clock = [datetime.now(UTC)]
    # A reporter lets a forge rest by the clock of its process.
    monkeypatch.setattr(reporting.time, "monotonic", lambda: clock[0].timestamp())  # noqa: PLW0108  the clock is replaced
    inbox, clients = FakeInbox(lambda: clock[0]), InMemory(settings({"forges": FORGES}))
    return Place(clock, inbox, clients, Reporter(clients, inbox, Metrics()))


def test_each_change_of_state_is_told_once_with_the_page_of_its_run(place: Place) -> None:
    event = place.stored()
    place.report()
    run = "run-1"
    place.prefect.be(run, "SCHEDULED")
    place.finish(EventState.STARTED, commit=event.commit, run=run, run_url="http://prefect/run-1")
    for kind in ("SCHEDULED", "PENDING", "RUNNING", "RUNNING", "COMPLETED"):
        place.prefect.be(run, kind)
        held = place.report()
    assert [(context, told.state, told.description, told.url) for _, context, told in place.forge.history] == [
        ("pratique/deliver", "pending", "accepted: it waits for its turn", ""),
        ("pratique/deliver", "pending", "accepted: it waits for a worker", "http://prefect/run-1"),
        ("pratique/deliver", "running", "it is being delivered", "http://prefect/run-1"),
        ("pratique/deliver", "success", "delivered through every environment", "http://prefect/run-1"),
    ]
    assert {commit for commit, _, _ in place.forge.history} == {event.commit}
    assert (held.reported.state, held.reported.run) == (ReportState.SUCCESS, run)
    # Nothing is left to look at.
    assert place.inbox.claim_report(list(Forge), timedelta(seconds=1)) is None


def test_refused_and_superseded_events_are_told_too(place: Place) -> None:
    place.stored()
    place.finish(EventState.REFUSED, reason="it is not on the ref")
    place.stored()
    place.finish(EventState.SUPERSEDED, reason="a newer one was dispatched", commit=a_commit(7))
    place.report()
    assert [(told.state, told.description) for _, _, told in place.forge.history] == [
        ("failure", "refused: it is not on the ref"),
        ("cancelled", "superseded: a newer one was dispatched"),
    ]


def test_of_a_commit_that_another_event_has_started_only_that_one_tells(place: Place) -> None:
    event, run = place.started()
    place.prefect.be(run, "COMPLETED")
    place.report()
    place.stored(commit=event.commit, kind=EventKind.TAG, action=Action.DELIVER)
    place.report()
    place.finish(EventState.SUPERSEDED, reason="dispatched before")
    place.report()
    assert place.told() == ["success"]


def test_a_run_that_was_killed_is_followed_to_the_one_that_goes_on_for_it(place: Place) -> None:
    _, run = place.started()
    place.prefect.be(run, "CRASHED", run_count=1)
    place.report()
    place.prefect.be("run-2", "RUNNING", tags=(f"first:{run}:1", "attempt:2"))
    place.report()
    place.prefect.be("run-2", "COMPLETED", tags=(f"first:{run}:1", "attempt:2"))
    held = place.report()
    assert place.told() == ["error", "running", "success"]
    assert (held.reported.run, held.reported.state) == ("run-2", ReportState.SUCCESS)


def test_a_run_that_is_gone_is_told_as_an_error(place: Place) -> None:
    _, run = place.started()
    del place.prefect.runs[run]
    place.report()
    assert place.told() == ["error"]


def test_while_prefect_is_down_nothing_is_told_and_nothing_lost(place: Place) -> None:
    _, run = place.started()
    place.prefect.be(run, "COMPLETED")
    place.prefect.fails = Transient("Prefect did not answer")
    held = place.report()
    assert (place.told(), held.reported.problem) == ([], "")
    place.prefect.fails = None
    place.report()
    assert place.told() == ["success"]


def test_a_forge_that_is_down_is_asked_again_ever_more_rarely_and_told_in_the_end(place: Place) -> None:
    _, run = place.started()
    place.prefect.be(run, "COMPLETED")
    place.forge.break_down()
    tries = 0
    for _ in range(3600):
        tries += place.reporter.report_one()
        place.clock[0] += timedelta(seconds=1)
    assert 10 <= tries <= 30
    held = place.inbox.events()[0]
    assert (held.reported.state, held.reported.problem) == (None, "the forge did not answer")
    assert place.inbox.backlog().unreported == 1
    place.forge.mend()
    held = place.report(LONGEST_REST.total_seconds())
    assert (place.told(), held.reported.problem, held.reported.attempts) == (["success"], "", 0)
    assert place.inbox.backlog().unreported == 0


def test_a_forge_that_is_down_holds_up_no_other(place: Place) -> None:
    place.forge.break_down()
    for _ in range(5):
        place.stored()
    place.stored(forge=Forge.GITLAB)
    place.report(0)
    assert place.told(Forge.GITLAB) == ["pending"]
    # One of the five was tried; the others wait until the forge has rested.
    assert sum(bool(held.reported.problem) for held in place.inbox.events()) == 1


def test_asked_too_often_it_is_left_alone_for_as_long_as_it_said(place: Place) -> None:
    place.stored()
    place.forge.limit(600)
    assert place.reporter.report_one()
    place.forge.mend()
    place.clock[0] += timedelta(seconds=599)
    assert not place.reporter.report_one()
    place.clock[0] += timedelta(seconds=2)
    assert place.reporter.report_one()
    assert place.told() == ["pending"]


def test_a_token_that_was_revoked_is_seen_and_everything_is_told_once_it_is_replaced(place: Place) -> None:
    events = [place.stored() for _ in range(4)]
    place.forge.revoke()
    for _ in range(20):
        place.report(30)
    assert "does not accept the token" in next(held.reported.problem for held in place.inbox.events() if held.reported.problem)
    place.forge.mend()
    for _ in range(20):
        place.report(30)
    assert {commit for commit, _, _ in place.forge.history} == {event.commit for event in events}
    assert place.inbox.backlog().unreported == 0


def test_a_commit_that_the_forge_refuses_is_recorded_and_the_next_state_is_tried(place: Place) -> None:
    event, run = place.started()
    place.forge.commits = set()
    held = place.report()
    assert held.reported.problem == "the forge has no such commit"
    place.forge.commits = {str(event.commit)}
    place.prefect.be(run, "COMPLETED")
    held = place.report()
    assert (place.told(), held.reported.problem) == (["success"], "")


def test_killed_between_telling_and_recording_it_tells_nothing_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _, run = place.started(kind=EventKind.PULL_REQUEST, pull_request=7, action=Action.PREVIEW, ref="refs/pull/7/head")
    place.prefect.be(run, "COMPLETED")
    place.prefect.artifacts[run] = "### What it would change"

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place.inbox, "record_report", dies)
        with pytest.raises(KeyboardInterrupt):
            place.reporter.report_one()
    assert (place.told(), place.inbox.events()[0].reported.state) == (["success"], None)
    place.clock[0] += timedelta(hours=1)
    heir = Reporter(place.clients, place.inbox, Metrics())
    assert heir.report_one()
    assert (place.told(), place.forge.changes) == (["success"], 2)
    assert place.inbox.events()[0].reported.state is ReportState.SUCCESS


def test_a_preview_is_the_pull_requests_comment_and_the_next_one_takes_its_place(place: Place) -> None:
    fields: dict[str, Any] = {"kind": EventKind.PULL_REQUEST, "pull_request": 7, "action": Action.PREVIEW}
    for words in ("first", "second"):
        _, run = place.started(ref="refs/pull/7/head", **fields)
        place.prefect.be(run, "COMPLETED")
        place.prefect.artifacts[run] = f"### {words}"
        place.report()
    assert [written.body for written in place.forge.comments[7]] == [f"### second\n\n[The run](http://prefect/{run})"]
    assert {context for _, context, _ in place.forge.history} == {"pratique/preview"}


def test_a_preview_that_was_refused_says_why(place: Place) -> None:
    fields: dict[str, Any] = {"kind": EventKind.PULL_REQUEST, "pull_request": 7, "action": Action.PREVIEW}
    _, run = place.started(ref="refs/pull/7/head", **fields)
    place.prefect.be(run, "FAILED", "Refused", "there is no pratique.yaml")
    place.report()
    assert "there is no pratique.yaml" in place.forge.comments[7][0].body
    assert place.told() == ["failure"]


def test_events_of_forges_that_nobody_tells_are_left_alone(place: Place) -> None:
    place.inbox.store([an_event(repository=HELLO), an_event(repository=HELLO, forge=Forge.GITEA, reports=True)])
    assert not place.reporter.report_one()


def test_an_event_that_changes_while_it_is_told_is_looked_at_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.stored()
    set_status = place.forge.set_status

    def slowly(*arguments: Any, **named: Any) -> None:
        monkeypatch.setattr(place.forge, "set_status", set_status)
        place.finish(EventState.REFUSED, reason="no")
        set_status(*arguments, **named)

    monkeypatch.setattr(place.forge, "set_status", slowly)
    place.report()
    assert place.told() == ["pending", "failure"]


def test_a_prefect_that_denies_is_asked_again(place: Place) -> None:
    place.started()
    place.prefect.fails = Refused("Prefect denied it: check prefect.auth_file")
    place.report()
    place.prefect.fails = None
    place.report()
    assert place.told() == ["pending"]
