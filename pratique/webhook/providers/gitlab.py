"""GitLab: docs.gitlab.com/user/project/integrations/webhooks and …/webhook_events.

Its calls carry a secret token as it is; where the hook has a signing token (`whsec_…`) as well, they are signed as
Standard Webhooks has it, and dated. A secret of that form is only ever compared by signature.

`X-Gitlab-Webhook-UUID` is the hook's and `X-Gitlab-Event-UUID` the request's that caused the event: a push of three
branches has one. Only `Idempotency-Key` (17.4), which `webhook-id` repeats, is the call's own; before it, the body tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pratique.decisions.git_names import require_ref
from pratique.values.event import EventKind
from pratique.values.heard import Call
from pratique.webhook.authentication import (
    SIGNING,
    Headers,
    Unauthenticated,
    require_standard_webhook,
    require_token,
)
from pratique.webhook.reading import (
    Sent,
    call,
    commit_or_none,
    delivery_of,
    digest_of_body,
    event_of,
    hear,
    ignored,
    is_deleted,
    tag,
)
from pratique.webhook.reading import read as read_body

_TOKEN, _EVENT = "x-gitlab-token", "x-gitlab-event"
_IDS = ("webhook-id", "idempotency-key")


class Project(Sent):
    """The addresses by which settings may name the repository."""

    git_http_url: str
    git_ssh_url: str = ""
    web_url: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        return self.git_http_url, self.git_ssh_url, self.web_url


class Push(Sent):
    """A branch or a tag names something else now."""

    ref: str
    after: str
    checkout_sha: str | None = None
    """The commit, also where `after` is an annotated tag."""
    project: Project


class LastCommit(Sent):
    """The newest commit of a merge request."""

    id: str


class MergeRequest(Sent):
    """A merge request, and what was done to it."""

    iid: int
    action: str = ""
    oldrev: str | None = None
    """What its newest commit was before; absent where its commits are the same."""
    last_commit: LastCommit


class MergeRequestEvent(Sent):
    """Something happened to a merge request."""

    object_attributes: MergeRequest
    project: Project


class ReleaseEvent(Sent):
    """Something happened to a release."""

    action: str
    tag: str
    commit: LastCommit | None = None
    project: Project


def authenticate(headers: Headers, body: bytes, secrets: Sequence[str], now: datetime, stale_after: timedelta) -> None:
    """That the call is signed with one of the signing tokens; where it is not signed, that it shows one of the others."""
    signing = [secret for secret in secrets if secret.startswith(SIGNING)]
    tokens = [secret for secret in secrets if not secret.startswith(SIGNING)]
    if signing and ("webhook-signature" in headers or not tokens):
        require_standard_webhook(headers, body, signing, now, stale_after)
    elif tokens:
        require_token(headers.get(_TOKEN), tokens, _TOKEN)
    else:
        raise Unauthenticated("no secret is valid here")


def read(headers: Headers, body: bytes) -> Call:
    """What the call says."""
    own = any(headers.get(name) for name in _IDS)
    delivery = delivery_of(headers, *_IDS) if own else digest_of_body(body)
    match event_of(headers, _EVENT):
        case "Push Hook" | "Tag Push Hook":
            return _push(delivery, body)
        case "Merge Request Hook":
            return _merge_request(delivery, body)
        case "Release Hook":
            return _release(delivery, body)
        case _:
            return ignored("this kind of event starts nothing: push, tag push, merge request and release do")


def _push(delivery: str, body: bytes) -> Call:
    sent = read_body(Push, body)
    if is_deleted(sent.after):
        return ignored("the ref was deleted")
    ref = require_ref(sent.ref)
    if ref.startswith("refs/heads/"):
        return call(hear(delivery=delivery, kind=EventKind.PUSH, places=sent.project.places, ref=ref, commit=sent.after))
    if ref.startswith("refs/tags/"):
        commit = commit_or_none(sent.checkout_sha)
        return call(hear(delivery=delivery, kind=EventKind.TAG, places=sent.project.places, ref=ref, commit=commit))
    return ignored("the ref is neither a branch nor a tag")


def _merge_request(delivery: str, body: bytes) -> Call:
    sent = read_body(MergeRequestEvent, body)
    request = sent.object_attributes
    if request.action not in {"open", "reopen"} and not (request.action == "update" and request.oldrev):
        return ignored("nothing about the merge request's commits has changed")
    return call(
        hear(
            delivery=delivery,
            kind=EventKind.PULL_REQUEST,
            places=sent.project.places,
            ref=f"refs/merge-requests/{request.iid}/head",
            commit=request.last_commit.id,
            pull_request=request.iid,
        )
    )


def _release(delivery: str, body: bytes) -> Call:
    sent = read_body(ReleaseEvent, body)
    if sent.action != "create":
        return ignored("the release was not created")
    commit = commit_or_none(sent.commit.id if sent.commit else None)
    return call(hear(delivery=delivery, kind=EventKind.TAG, places=sent.project.places, ref=tag(sent.tag), commit=commit))
