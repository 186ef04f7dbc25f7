"""An audit: what an environment held at a time, who let it in, and whether that is proved."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.grant import PassedCheck
from pratique.values.names import CommitId, Name
from pratique.values.plan import Change

EvidenceKind = Literal["grant", "verdict", "results", "approval", "exception", "hold", "lift", "revoke"]


class CitedEvidence(Value):
    """A signed statement that the answer rests on."""

    kind: EvidenceKind
    bundle: Digest
    by: str = ""
    """Who signed it: a person of the settings, an identity, or `key` and its hint; empty where that is not known."""
    made_at: datetime | None = None
    says: str = ""
    problem: str = ""
    """Why it proves nothing; empty where it was read and verified."""


class Approver(Value):
    """Somebody who approved, as the grant names them."""

    by: str
    is_click: bool
    """They clicked, and nobody can prove who it was."""
    bundle: Digest


class Replaced(Value):
    """What the environment held before."""

    grant: Digest
    release: Digest | None = None
    commit: CommitId | None = None
    granted_at: datetime | None = None
    problem: str = ""
    """Why no more is known of it."""


class Audit(Value):
    """The answer, as the signed grant has it; as the ledger has it where no grant can be read."""

    service: Name
    environment: Name
    at: datetime
    release: Digest
    commit: CommitId
    kind: Literal["promote", "rollback"]
    since: datetime | None
    until: datetime | None = None
    """When another grant took its place; None while none has."""
    requested_by: str
    promotion: str
    run: str
    address: str
    reason: str
    policy: Digest | None = None
    plan: Digest | None = None
    changes: tuple[Change, ...] | None = None
    """What the plan was, as the ledger keeps it where somebody was asked; None where nobody was, or it is another plan."""
    checks: tuple[PassedCheck, ...] = ()
    approvals: tuple[Approver, ...] = ()
    exceptions: tuple[CitedEvidence, ...] = ()
    replaced: Replaced | None = None
    evidence: tuple[CitedEvidence, ...] = ()
    """The grant, and everything that it names; the grant first."""
    rulings: tuple[CitedEvidence, ...] = ()
    """Holds and revocations of that time, holds that stood when it began, and each revocation of the release."""
    against: tuple[str, ...] = ()
    """What speaks today against its being there."""
    differences: tuple[str, ...] = ()
    """Where the ledger says something else than the signature."""
    faults: tuple[str, ...] = ()
    """Why the evidence does not prove it."""

    @property
    def is_proved(self) -> bool:
        return not self.differences and not self.faults

    @property
    def is_valid(self) -> bool:
        """Whether it might still be there today."""
        return self.is_proved and not self.against
