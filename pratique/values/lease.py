"""A lease: an environment's lock, held for a while."""

from __future__ import annotations

from datetime import datetime

from pratique.values._base import Value
from pratique.values.names import Name


class Lease(Value):
    """The lock of one service in one environment."""

    service: Name
    environment: Name
    holder: str
    """The promotion that holds it."""
    fence: int
    """Only grows, by one with each taking; a target that has seen a higher one refuses this one."""
    expires_at: datetime
    """By the database's clock."""
