"""How many calls may come in a second: from one address, and from all together."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

MOST_ADDRESSES = 10_000
"""Remembered at once; the one that has not called for longest is forgotten first."""


@dataclass(slots=True)
class Bucket:
    """Fills with `rate` in a second, and holds as much as comes in one; each call takes one out."""

    rate: float
    level: float
    filled_at: float

    def wait(self, now: float) -> float:
        """Seconds until there is one to take; 0 where there is."""
        self.level = min(self.rate, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        return 0.0 if self.level >= 1 else (1 - self.level) / self.rate


class Rates:
    """The bounds of all calls and of each address; `now` is any clock that only goes forward."""

    def __init__(self, per_address: int, overall: int, now: float) -> None:
        self._per_address = per_address
        self._all = Bucket(overall, overall, now)
        self._addresses: OrderedDict[str, Bucket] = OrderedDict()

    def wait(self, address: str, now: float) -> float:
        """Seconds after which a call from there may come; 0 lets it in, and counts it."""
        own = self._addresses.pop(address, None) or Bucket(self._per_address, self._per_address, now)
        self._addresses[address] = own
        if len(self._addresses) > MOST_ADDRESSES:
            self._addresses.popitem(last=False)
        # Who calls too often takes nothing from the others: both are asked before either is counted.
        wait = max(own.wait(now), self._all.wait(now))
        if wait == 0:
            own.level -= 1
            self._all.level -= 1
        return wait
