"""What a ledger is rebuilt from: all of it was signed, and is in the registry."""

from __future__ import annotations

from pratique.values._base import Value
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease
from pratique.values.ruling import SignedRuling


class Rebuilt(Value):
    """The part of a ledger that signed evidence tells."""

    releases: tuple[StoredRelease, ...] = ()
    """In the order in which they were made."""
    promotions: tuple[Promotion, ...] = ()
    """Each granted by evidence of its own, in the order in which they began."""
    rulings: tuple[SignedRuling, ...] = ()
    """In the order in which they were made."""

    @property
    def fences(self) -> dict[tuple[str, str], int]:
        """The highest fence that a grant of each service and environment names."""
        found: dict[tuple[str, str], int] = {}
        for promotion in self.promotions:
            place = (promotion.service, promotion.environment)
            found[place] = max(found.get(place, 0), promotion.fence or 0)
        return found
