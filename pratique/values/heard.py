"""What a call to the webhook says, read and not yet judged."""

from __future__ import annotations

from pydantic import Field

from pratique.values._base import Value
from pratique.values.event import Announced, Delivery, EventKind


class Heard(Value):
    """One thing that happened somewhere, as its sender tells it."""

    delivery: Delivery
    kind: EventKind
    places: tuple[str, ...]
    """Every address that the sender gives for the repository; of an image, its repository in the registry."""
    ref: str = Field(min_length=1, max_length=255)
    """In full; of an image `repository:tag`."""
    commit: Announced | None = None
    pull_request: int | None = Field(default=None, ge=1, lt=2**31)


class Call(Value):
    """All that one call says: usually one thing, none where there is nothing to act on."""

    heard: tuple[Heard, ...] = ()
    ignored: str = ""
    """Why there is nothing to act on."""
