"""A decision: allowed, or every reason why not, and why not yet."""

from __future__ import annotations

from datetime import datetime

from pratique.errors import Refused, Waiting
from pratique.values._base import Value


class Wait(Value):
    """Why something may not happen yet."""

    reason: str
    until: datetime | None = None
    """When that ends, as far as it is known."""


class Decision(Value):
    """What a gate, or all gates together, came to."""

    reasons: tuple[str, ...] = ()
    """Every reason against; empty means that nothing is wrong."""
    waits: tuple[Wait, ...] = ()
    """Every reason to wait; none of them means that anything is wrong."""

    @property
    def allowed(self) -> bool:
        return not self.reasons and not self.waits

    @property
    def until(self) -> datetime | None:
        """When every wait is over; None where that is not known of each."""
        ends = [wait.until for wait in self.waits if wait.until is not None]
        return max(ends) if ends and len(ends) == len(self.waits) else None

    def require(self) -> None:
        """Raise `Refused` where anything speaks against it, `Waiting` where it has only to wait; both with every reason."""
        waiting = [wait.reason for wait in self.waits]
        if self.reasons:
            raise Refused(*self.reasons, *waiting)
        if waiting:
            raise Waiting(*waiting, until=self.until)


def all_of(decisions: list[Decision]) -> Decision:
    """Allowed when every one is; no decision at all is a refusal, because nothing was looked at."""
    if not decisions:
        return Decision(reasons=("no gate was evaluated, so nothing speaks for this: configure at least one",))
    return Decision(
        reasons=tuple(reason for decision in decisions for reason in decision.reasons),
        waits=tuple(wait for decision in decisions for wait in decision.waits),
    )
