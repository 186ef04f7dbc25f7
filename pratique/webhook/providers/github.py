"""GitHub: docs.github.com, "Webhook events and payloads" and "Validating webhook deliveries".

A call that is delivered again, by a person or through the API, has the id of the first one.
The signature is over the body alone: neither the id nor the kind of event is signed, and no call is dated.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pratique.values.heard import Call
from pratique.webhook.authentication import Headers, require_signature
from pratique.webhook.providers import bodies
from pratique.webhook.reading import delivery_of, event_of, ignored

_SIGNATURE, _DELIVERY, _EVENT = "x-hub-signature-256", "x-github-delivery", "x-github-event"
_NEW_COMMITS = frozenset({"opened", "reopened", "synchronize", "ready_for_review"})


def authenticate(headers: Headers, body: bytes, secrets: Sequence[str], _now: datetime, _stale_after: timedelta) -> None:
    """That the body is signed with one of the secrets."""
    require_signature(headers.get(_SIGNATURE), body, secrets, _SIGNATURE)


def read(headers: Headers, body: bytes) -> Call:
    """What the call says."""
    delivery = delivery_of(headers, _DELIVERY)
    match event_of(headers, _EVENT):
        case "push":
            return bodies.push(delivery, body)
        case "pull_request":
            return bodies.pull_request(delivery, body, _NEW_COMMITS)
        case "release":
            return bodies.release(delivery, body)
        case "ping":
            return ignored("a ping: the webhook is set up rightly")
        case _:
            return ignored("this kind of event starts nothing: push, pull_request and release do")
