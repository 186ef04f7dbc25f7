"""What a forge is told: for each state of an event and of its run."""

from __future__ import annotations

import pytest

from pratique.decisions.telling import LONGEST_COMMENT, Ran, comment_of, commit_of, telling_of
from pratique.values.event import Action, EventKind, EventState, InboxEvent
from pratique.values.report import ReportState
from tests.contract.events import a_commit, an_event


def held(state: EventState = EventState.STARTED, reason: str = "", commit: str = "", **event: object) -> InboxEvent:
    return InboxEvent(number=1, event=an_event(**event), state=state, reason=reason, commit=commit, run="run-1", run_url="/1")


def ran(kind: str, name: str = "", message: str = "") -> Ran:
    is_final = kind in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
    return Ran(id="run-1", url="/1", type=kind, name=name or kind.capitalize(), message=message, is_final=is_final)


@pytest.mark.parametrize(
    ("state", "reason", "told", "sentence", "is_last"),
    [
        (
            EventState.WAITING,
            "Prefect at 10.0.0.1 did not answer",
            ReportState.PENDING,
            "accepted: it waits for its turn",
            False,
        ),
        (EventState.REFUSED, "no", ReportState.FAILURE, "refused: no", True),
        (EventState.SUPERSEDED, "newer", ReportState.CANCELLED, "superseded: newer", True),
        (EventState.STARTED, "", ReportState.ERROR, "its run is not on record any more", True),
    ],
)
def test_an_event_without_a_run(state: EventState, reason: str, told: ReportState, sentence: str, *, is_last: bool) -> None:
    telling = telling_of(held(state, reason), None)
    assert (telling.state, telling.sentence, telling.is_last) == (told, sentence, is_last)


@pytest.mark.parametrize(
    ("run", "told", "sentence"),
    [
        (ran("SCHEDULED"), ReportState.PENDING, "accepted: it waits for a worker"),
        (ran("PENDING"), ReportState.PENDING, "accepted: it waits for a worker"),
        (ran("RUNNING"), ReportState.RUNNING, "it is being delivered"),
        (ran("COMPLETED"), ReportState.SUCCESS, "delivered through every environment"),
        (ran("FAILED", "Refused", "not signed {here}"), ReportState.FAILURE, "refused: not signed {here}"),
        (ran("FAILED", "Invalid", "line 3"), ReportState.FAILURE, "refused: line 3"),
        (ran("FAILED", "Transient", "it was down"), ReportState.ERROR, "failed: it was down"),
        (ran("FAILED", "Waiting", "from Monday on"), ReportState.PENDING, "waits: from Monday on"),
        # The words of a bug may hold anything.
        (ran("FAILED", "Failed", "KeyError: 'hunter2'"), ReportState.ERROR, "failed: see the page of its run"),
        (ran("CRASHED", message="exit code -9"), ReportState.ERROR, "its run ended in the middle: see its page"),
        (ran("CANCELLED"), ReportState.CANCELLED, "its run was cancelled"),
        (ran("CANCELLING"), ReportState.CANCELLED, "its run is being cancelled"),
    ],
)
def test_an_event_with_a_run(run: Ran, told: ReportState, sentence: str) -> None:
    telling = telling_of(held(), run)
    assert (telling.state, telling.sentence) == (told, sentence)
    assert (telling.run, telling.url, telling.is_last) == ("run-1", "/1", run.is_final)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"through": "staging"}, "delivered through staging"),
        ({"action": Action.PREPARE}, "its release is stored and signed"),
        ({"action": Action.PREVIEW}, "what it would change stands in the comment"),
    ],
)
def test_success_says_of_what(event: dict[str, object], sentence: str) -> None:
    assert telling_of(held(**event), ran("COMPLETED")).sentence == sentence


def test_the_commit_is_the_one_that_was_decided_about() -> None:
    announced, decided = a_commit(1), a_commit(2)
    assert commit_of(held(commit=decided)) == decided
    assert commit_of(InboxEvent(number=1, event=an_event(commit=announced), state=EventState.WAITING)) == announced
    assert commit_of(InboxEvent(number=1, event=an_event(commit=None), state=EventState.WAITING)) == ""


def test_of_a_commit_that_another_event_started_nothing_is_told() -> None:
    assert commit_of(held(EventState.SUPERSEDED)) == ""
    assert commit_of(held(EventState.SUPERSEDED, commit=a_commit(3))) == a_commit(3)


def test_of_an_image_nothing_is_told() -> None:
    digest = "sha256:" + "a" * 64
    assert commit_of(held(commit=digest, kind=EventKind.IMAGE, ref="team/base:3", branch="main")) == ""


def test_a_comment_is_the_preview_and_where_it_was_made_within_what_is_taken() -> None:
    telling = telling_of(held(), ran("COMPLETED"))
    assert comment_of(telling, "### What it would change\n") == "### What it would change\n\n\n[The run](/1)"
    assert len(comment_of(telling, "x" * 100_000)) == LONGEST_COMMENT


def test_without_a_preview_the_comment_says_why_as_text() -> None:
    telling = telling_of(held(), ran("FAILED", "Refused", "[no](https://evil.example) /approve"))
    assert comment_of(telling, None).startswith(r"No plan could be made: refused: \[no\]\(https://evil.example\)")
