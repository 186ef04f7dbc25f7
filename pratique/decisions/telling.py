"""What a forge is told of an event: the state of its commit, one sentence, and where to read more."""

from __future__ import annotations

from pratique.decisions.reports import escaped
from pratique.values._base import Value
from pratique.values.event import Action, Event, EventKind, EventState, InboxEvent
from pratique.values.report import ReportState

LONGEST_COMMENT = 60_000
"""Letters; GitHub takes 65,536, what hides our marker included."""

_DOING = {
    Action.DELIVER: "it is being delivered",
    Action.PREPARE: "its release is being prepared",
    Action.PREVIEW: "its plan is being made",
}
_DONE = {
    Action.PREPARE: "its release is stored and signed",
    Action.PREVIEW: "what it would change stands in the comment",
}
_FAILED = {
    "Refused": (ReportState.FAILURE, "refused: {}"),
    "Invalid": (ReportState.FAILURE, "refused: {}"),
    "Transient": (ReportState.ERROR, "failed: {}"),
    # The run has ended, and the clock goes on with what it left waiting.
    "Waiting": (ReportState.PENDING, "waits: {}"),
}


class Ran(Value):
    """A flow run, as far as a forge is told of it."""

    id: str
    url: str
    type: str
    """The type of its state, as Prefect calls it."""
    name: str
    """The name of its state, such as `Refused`."""
    message: str = ""
    is_final: bool


class Telling(Value):
    """What is to be told now."""

    state: ReportState
    sentence: str
    url: str = ""
    run: str = ""
    is_last: bool
    """Nothing of this event changes any more."""


def context_of(event: Event) -> str:
    """The name under which the commit's status stands."""
    return f"pratique/{event.action.value}"


def marker_of(event: Event) -> str:
    """By which the comment about the pull request is found again."""
    return f"{event.action.value} {event.service}"


def commit_of(held: InboxEvent) -> str:
    """The commit that the forge is told about; empty where there is none, as of an image."""
    if held.event.kind is EventKind.IMAGE:
        return ""
    return held.commit if held.state is EventState.SUPERSEDED else held.commit or held.event.commit or ""


def telling_of(held: InboxEvent, ran: Ran | None) -> Telling:
    """What is to be told of the event; `ran` is its run, None where it has none."""
    match held.state:
        case EventState.WAITING:
            return Telling(state=ReportState.PENDING, sentence="accepted: it waits for its turn", is_last=False)
        case EventState.SUPERSEDED:
            return Telling(state=ReportState.CANCELLED, sentence=f"superseded: {held.reason}", is_last=True)
        case EventState.REFUSED:
            return Telling(state=ReportState.FAILURE, sentence=f"refused: {held.reason}", is_last=True)
        case EventState.STARTED:
            if ran is None:
                sentence = "its run is not on record any more"
                return Telling(state=ReportState.ERROR, sentence=sentence, url=held.run_url, run=held.run, is_last=True)
            state, sentence = _of_run(held.event, ran)
            return Telling(state=state, sentence=sentence, url=ran.url, run=ran.id, is_last=ran.is_final)


def comment_of(telling: Telling, preview: str | None) -> str:
    """What the pull request is told; `preview` is the run's own Markdown, None where it came to none."""
    rest = f"\n\n[The run]({telling.url})"
    text = preview or f"No plan could be made: {escaped(telling.sentence)}"
    most = LONGEST_COMMENT - len(rest)
    return (text if len(text) <= most else f"{text[: most - 1]}…") + rest


def _of_run(event: Event, ran: Ran) -> tuple[ReportState, str]:
    """State and sentence; only our own words are passed on, because those of a bug may hold anything."""
    found: dict[str, tuple[ReportState, str]] = {
        "COMPLETED": (ReportState.SUCCESS, _DONE.get(event.action) or _delivered(event)),
        "CANCELLED": (ReportState.CANCELLED, "its run was cancelled"),
        "CANCELLING": (ReportState.CANCELLED, "its run is being cancelled"),
        "CRASHED": (ReportState.ERROR, "its run ended in the middle: see its page"),
        "RUNNING": (ReportState.RUNNING, _DOING[event.action]),
        "FAILED": _FAILED.get(ran.name, (ReportState.ERROR, "failed: see the page of its run")),
    }
    state, sentence = found.get(ran.type, (ReportState.PENDING, "accepted: it waits for a worker"))
    return state, sentence.format(ran.message) if ran.name in _FAILED else sentence


def _delivered(event: Event) -> str:
    return "delivered through every environment" if event.through is None else f"delivered through {event.through}"


def shortened(text: str, most: int) -> str:
    """The text on one line, with an ellipsis where it was longer than `most` letters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
