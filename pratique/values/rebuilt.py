"""What a ledger is rebuilt from: all of it was signed, and is in the registry."""

from __future__ import annotations

from pratique.values._base import Value
from pratique.values.names import Name
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease
from pratique.values.ruling import SignedRuling


class Fence(Value):
    """The highest fencing token that is known of a service in an environment."""

    service: Name
    environment: Name
    highest: int


class Rebuilt(Value):
    """The part of a ledger that signed evidence tells."""

    releases: tuple[StoredRelease, ...] = ()
    """In the order in which they were made."""
    promotions: tuple[Promotion, ...] = ()
    """Each granted by evidence of its own, in the order in which they began."""
    rulings: tuple[SignedRuling, ...] = ()
    """In the order in which they were made."""
    fences: tuple[Fence, ...] = ()
    """One for each place that has had a grant."""
    left_out: tuple[str, ...] = ()
    """What was found and is not in it, each with why."""
