"""What an event starts: which deployment, with which parameters, under which key and tags."""

from __future__ import annotations

from collections.abc import Mapping

from pratique.values._base import Value
from pratique.values.event import Action, Event

_DEPLOYMENTS = {
    Action.DELIVER: "deliver/pratique",
    Action.PREPARE: "prepare/pratique",
    Action.PREVIEW: "preview/pratique",
}


class Start(Value):
    """A flow run to be started."""

    deployment: str
    parameters: Mapping[str, object]
    key: str
    """By it the run is found where it was started before."""
    tags: tuple[str, ...]


def start_of(event: Event, commit: str | None) -> Start:
    """The run that the event starts; of an image its branch is delivered, of everything else the commit."""
    ref = commit if event.branch is None else event.branch
    parameters: dict[str, object] = {"repository": event.repository, "ref": ref}
    match event.action:
        case Action.DELIVER:
            parameters |= {"through": event.through, "requested_by": f"{event.forge} {event.kind} {event.ref}"[:200]}
        case Action.PREVIEW:
            # Its commit is on no branch of the repository: the ref is what leads to it.
            parameters |= {"ref": event.ref, "commit": commit}
        case Action.PREPARE:
            pass
    # With the commit, so that a delivery id that is used once more, long after it was forgotten, finds no run but its own.
    key = f"event:{event.forge}:{event.delivery}:{commit}"
    tags = ("pratique", f"service:{event.service}", f"event:{event.forge}:{event.kind}")
    return Start(deployment=_DEPLOYMENTS[event.action], parameters=parameters, key=key, tags=tags)
