"""A build: when an image was made, for its provenance."""

from __future__ import annotations

from datetime import datetime

from pratique.values._base import Value


class BuiltImage(Value):
    """An image in the engine that built it."""

    id: str
    """The engine's own id; means nothing elsewhere."""
    started_at: datetime
    finished_at: datetime
