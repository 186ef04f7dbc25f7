"""The CNCF's registry: distribution.github.io/distribution/about/notifications, event envelope v1.

It sends whatever header it is configured with, such as `Authorization: [Bearer …]`, and repeats a call until it is
answered with less than 400; so what concerns nobody is ignored and never refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from pratique.values.event import EventKind
from pratique.values.heard import Call
from pratique.webhook.authentication import Headers, require_authorization
from pratique.webhook.reading import Sent, hear, ignored
from pratique.webhook.reading import read as read_body

MOST_EVENTS = 1000
"""Events in one envelope."""


class Target(Sent):
    """What was acted upon; only manifests have tags."""

    repository: str = ""
    digest: str = ""
    tag: str = ""


class Notification(Sent):
    """One thing that happened in the registry."""

    id: str
    action: str
    target: Target = Target()


class Envelope(Sent):
    """What is sent: one or more events."""

    events: tuple[Notification, ...] = Field(max_length=MOST_EVENTS)


def authenticate(headers: Headers, _body: bytes, secrets: Sequence[str], _now: datetime, _stale_after: timedelta) -> None:
    """That the header Authorization shows one of the secrets."""
    require_authorization(headers.get("authorization"), secrets)


def read(_headers: Headers, body: bytes) -> Call:
    """Every tag that was pushed."""
    heard = tuple(
        hear(
            delivery=event.id,
            kind=EventKind.IMAGE,
            places=(event.target.repository,),
            ref=f"{event.target.repository}:{event.target.tag}",
            commit=event.target.digest,
        )
        for event in read_body(Envelope, body).events
        if event.action == "push" and event.target.tag
    )
    return Call(heard=heard) if heard else ignored("no tag was pushed")
