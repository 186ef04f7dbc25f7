"""Harbor: goharbor.io/docs, "Configure Webhook Notifications"; both of its formats, Default and CloudEvents.

It sends the hook's "auth header" as `Authorization`. Calls in the default format have no id: the same words are the same call.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from pratique.values.event import EventKind
from pratique.values.heard import Call
from pratique.webhook.authentication import Headers, require_authorization
from pratique.webhook.reading import Sent, digest_of_body, hear, ignored
from pratique.webhook.reading import read as read_body

_PUSHED = frozenset({"PUSH_ARTIFACT", "harbor.artifact.pushed"})
MOST_RESOURCES = 1000
"""Tags in one call."""


class Resource(Sent):
    """A tag, and what it names."""

    digest: str = ""
    tag: str = ""


class Repository(Sent):
    """Where it is, in the registry."""

    repo_full_name: str = ""


class Content(Sent):
    """What happened to what."""

    resources: tuple[Resource, ...] = Field(default=(), max_length=MOST_RESOURCES)
    repository: Repository = Repository()


class Notification(Sent):
    """A call: `event_data` in the default format, `data` and `id` in the other."""

    type: str
    id: str = ""
    event_data: Content | None = None
    data: Content | None = None


def authenticate(headers: Headers, _body: bytes, secrets: Sequence[str], _now: datetime, _stale_after: timedelta) -> None:
    """That the header Authorization shows one of the secrets."""
    require_authorization(headers.get("authorization"), secrets)


def read(_headers: Headers, body: bytes) -> Call:
    """Every tag that was pushed."""
    sent = read_body(Notification, body)
    content = sent.event_data or sent.data
    if sent.type not in _PUSHED or content is None:
        return ignored("this kind of event starts nothing: pushed artifacts do")
    delivery, repository = sent.id or digest_of_body(body), content.repository.repo_full_name
    heard = tuple(
        hear(
            delivery=f"{delivery}/{number}" if number else delivery,
            kind=EventKind.IMAGE,
            places=(repository,),
            ref=f"{repository}:{resource.tag}",
            commit=resource.digest,
        )
        for number, resource in enumerate(content.resources)
        if resource.tag and not resource.tag.startswith("sha256:")
    )
    return Call(heard=heard) if heard else ignored("no tag was pushed")
