"""A decision: allowed, or every reason why not."""

from __future__ import annotations

from pratique.errors import Refused
from pratique.values._base import Value


class Decision(Value):
    """What a gate, or all gates together, came to."""

    reasons: tuple[str, ...] = ()
    """Every reason against; empty means allowed."""

    @property
    def allowed(self) -> bool:
        return not self.reasons

    def require(self) -> None:
        """Raise `Refused` with every reason, unless allowed."""
        if self.reasons:
            raise Refused(*self.reasons)


def all_of(decisions: list[Decision]) -> Decision:
    """Allowed when every one is; no decision at all is a refusal, because nothing was looked at."""
    if not decisions:
        return Decision(reasons=("no gate was evaluated, so nothing speaks for this: configure at least one",))
    return Decision(reasons=tuple(reason for decision in decisions for reason in decision.reasons))
