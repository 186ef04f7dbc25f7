"""Bitbucket Cloud: support.atlassian.com/bitbucket-cloud/docs/event-payloads and …/manage-webhooks.

One call tells of every ref that a push changed. Commits of pull requests are shortened, and pull requests have no
refs of their own: what is looked at is the branch they come from, if it is in the same repository.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from pratique.values.event import EventKind
from pratique.values.heard import Call, Heard
from pratique.webhook.authentication import Headers, require_signature
from pratique.webhook.reading import Sent, branch, call, delivery_of, event_of, hear, ignored, tag
from pratique.webhook.reading import read as read_body

_SIGNATURE, _DELIVERY, _EVENT = "x-hub-signature", "x-request-uuid", "x-event-key"
MOST_CHANGES = 100
"""Refs in one call."""


class Link(Sent):
    """An address."""

    href: str


class Links(Sent):
    """The addresses of a repository; Bitbucket sends that of its page, which clone addresses are made of."""

    html: Link


class Repository(Sent):
    """A repository."""

    full_name: str
    links: Links


class Target(Sent):
    """A commit."""

    hash: str


class New(Sent):
    """What a ref names now."""

    type: str
    name: str
    target: Target


class Change(Sent):
    """One ref that a push changed; without `new` it is gone."""

    new: New | None = None


class Changes(Sent):
    """Every ref that a push changed."""

    changes: tuple[Change, ...] = Field(max_length=MOST_CHANGES)


class Push(Sent):
    """A push."""

    push: Changes
    repository: Repository


class Branch(Sent):
    """A branch."""

    name: str


class Origin(Sent):
    """Where a pull request comes from."""

    branch: Branch
    repository: Repository | None = None
    """None where the fork is gone."""


class PullRequest(Sent):
    """A pull request."""

    id: int
    source: Origin


class PullRequestEvent(Sent):
    """Something happened to a pull request."""

    pullrequest: PullRequest
    repository: Repository


def authenticate(headers: Headers, body: bytes, secrets: Sequence[str], _now: datetime, _stale_after: timedelta) -> None:
    """That the body is signed with one of the secrets."""
    require_signature(headers.get(_SIGNATURE), body, secrets, _SIGNATURE)


def read(headers: Headers, body: bytes) -> Call:
    """What the call says."""
    delivery = delivery_of(headers, _DELIVERY)
    match event_of(headers, _EVENT):
        case "repo:push":
            return _push(delivery, body)
        case "pullrequest:created" | "pullrequest:updated":
            return _pull_request(delivery, body)
        case _:
            return ignored("this kind of event starts nothing: pushes and new or updated pull requests do")


def _push(delivery: str, body: bytes) -> Call:
    sent = read_body(Push, body)
    heard: list[Heard] = []
    for number, change in enumerate(sent.push.changes):
        if change.new is None or change.new.type not in {"branch", "tag"}:
            continue
        kind = EventKind.PUSH if change.new.type == "branch" else EventKind.TAG
        heard.append(
            hear(
                # Each ref is an event of its own; the first one has the id of the call.
                delivery=f"{delivery}/{number}" if number else delivery,
                kind=kind,
                places=(sent.repository.links.html.href,),
                ref=(branch if kind is EventKind.PUSH else tag)(change.new.name),
                commit=change.new.target.hash,
            )
        )
    return Call(heard=tuple(heard)) if heard else ignored("no branch and no tag names a new commit")


def _pull_request(delivery: str, body: bytes) -> Call:
    sent = read_body(PullRequestEvent, body)
    source = sent.pullrequest.source
    if source.repository is None or source.repository.full_name != sent.repository.full_name:
        return ignored("the pull request comes from another repository, whose commits this one does not have")
    return call(
        hear(
            delivery=delivery,
            kind=EventKind.PULL_REQUEST,
            places=(sent.repository.links.html.href,),
            ref=branch(source.branch.name),
            pull_request=sent.pullrequest.id,
        )
    )
