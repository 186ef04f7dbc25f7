"""Gitea and Forgejo: docs.gitea.com/usage/webhooks, forgejo.org/docs/latest/user/webhooks.

Both send the same headers under names of their own; Forgejo sends Gitea's as well. The signature is over the body alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pratique.values.heard import Call
from pratique.webhook.authentication import Headers, require_signature
from pratique.webhook.providers import bodies
from pratique.webhook.reading import delivery_of, event_of, ignored

_NEW_COMMITS = frozenset({"opened", "reopened", "synchronized"})


def authenticate(headers: Headers, body: bytes, secrets: Sequence[str], _now: datetime, _stale_after: timedelta) -> None:
    """That the body is signed with one of the secrets; where Forgejo's own signature is there, it is the one that counts."""
    header = "x-forgejo-signature" if "x-forgejo-signature" in headers else "x-gitea-signature"
    require_signature(headers.get(header), body, secrets, header)


def read(headers: Headers, body: bytes) -> Call:
    """What the call says."""
    delivery = delivery_of(headers, "x-gitea-delivery", "x-forgejo-delivery")
    match event_of(headers, "x-gitea-event" if "x-gitea-event" in headers else "x-forgejo-event"):
        case "push":
            return bodies.push(delivery, body)
        case "pull_request" | "pull_request_sync":
            return bodies.pull_request(delivery, body, _NEW_COMMITS)
        case "release":
            return bodies.release(delivery, body)
        case _:
            return ignored("this kind of event starts nothing: push, pull_request and release do")
