"""What the gates came to, under which policy, on which evidence."""

from __future__ import annotations

from datetime import datetime

from pratique.values._base import Value
from pratique.values.decision import Decision
from pratique.values.digest import Digest
from pratique.values.facts import ApprovalFacts
from pratique.values.gate import Excepted


class Judged(Value):
    """A verdict that can be repeated: the same evidence under the same policy at the same moment gives the same one."""

    decision: Decision
    excepted: tuple[Excepted, ...] = ()
    """What speaks against it and was passed over, each by a signed exception."""
    policy: Digest
    looked_at: tuple[Digest, ...]
    """The bundles whose statements were verified, by digest."""
    besides_approval: Decision
    """As `decision`, without the gate that asks people."""
    approvals: tuple[ApprovalFacts, ...] = ()
    """Those of exactly this plan under exactly this policy that count for whoever asks for some."""
    at: datetime
    unclear: tuple[str, ...] = ()
    """Why nobody can tell whether the environment has granted the release; empty where that can be told."""

    @property
    def awaits_approval(self) -> bool:
        """Whether people have still to approve."""
        return len(self.decision.waits) > len(self.besides_approval.waits)
