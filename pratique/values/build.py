"""A build: when an image was made, for its provenance, and what is in it, for its bill of materials."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pratique.values._base import Value
from pratique.values.release import ReleasedImage


class BuiltImage(Value):
    """An image in the engine that built it."""

    id: str
    """The engine's own id; means nothing elsewhere."""
    started_at: datetime
    finished_at: datetime


class PushedImage(Value):
    """An image in the registry, before anything is signed about it."""

    image: ReleasedImage
    bill: dict[str, Any]
    """The CycloneDX document of what is in it."""
