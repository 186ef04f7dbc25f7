"""The document that policies decide on: everything that is known of a release, an environment and a moment.

It is `input` in Rego, and its JSON Schema is docs/policy-input.schema.json. Moments are seconds since 1970, durations are
seconds, both whole numbers: Rego compares numbers, and the engine has no calendar to rely on. Signatures have been verified
before: whatever stands here was signed by somebody who is trusted for it, or says that it was not.
"""

from __future__ import annotations

from typing import Any, Literal

from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.plan import Change

Purpose = Literal["promote", "rollback", "reverify"]
"""A new release is to come in; one that was there is to come back; what is there is looked at again."""


class SignerFacts(Value):
    """Who signed."""

    name: str
    """The identity of a certificate, or `key:` and the hint of a key."""
    issuer: str = ""
    """Of the identity; empty for a key."""


class SubjectFacts(Value):
    """What is attached to the release, or to one of its images."""

    name: str
    """Of the image; empty for the release."""
    repository: str
    digest: Digest
    signers: tuple[SignerFacts, ...]
    """Who signed it."""
    bill: dict[str, Any] | None = None
    """The components that it is made of: `components`, each with `name`, `version`, `purl` and `licences`; null: not known."""
    scans: tuple[dict[str, Any], ...] = ()
    """The newest scan by each scanner: `scanner`, `finished_at`, and `findings`, each with `id`, `severity`, `package`,
    `version` and `fixed_in`."""
    faults: tuple[str, ...] = ()
    """What of its bills and scans cannot be read."""


class CommitFacts(Value):
    """What the release was made of."""

    id: str
    repository: str
    author: str
    committed_at: int


class ReleaseFacts(Value):
    """The release."""

    digest: Digest
    commit: CommitFacts
    evidence: SubjectFacts
    images: tuple[SubjectFacts, ...]


class GrantFacts(Value):
    """A signed grant of this release that counts."""

    environment: str
    bundle: Digest
    kind: Literal["promote", "rollback"]
    granted_at: int
    signer: SignerFacts


class ChainFacts(Value):
    """The chain of grants of this release."""

    grants: tuple[GrantFacts, ...] = ()
    """The newest of each environment."""
    faults: tuple[str, ...] = ()
    """Of each grant that does not count: why."""


class OpeningFacts(Value):
    """What windows and freezes say of this moment."""

    is_open: bool
    words: str
    changes_at: int | None = None


class EnvironmentFacts(Value):
    """Where the release is to come."""

    name: str
    after: tuple[str, ...]
    opening: OpeningFacts
    holds: Digest | None = None
    """The release that is there now."""
    granted_upstream: tuple[str, ...] = ()
    """The environments before it that have granted the release, as the ledger has it."""


class ApprovalFacts(Value):
    """A plan of this release in this environment, approved or rejected; the newest word of each person."""

    kind: Literal["approve", "reject"]
    by: str
    """A person of the settings; for a click whoever they said they were."""
    is_click: bool = False
    is_author: bool = False
    """The commit's author, by address."""
    plan: Digest
    policy: Digest
    made_at: int
    expires_at: int | None = None
    reason: str = ""
    bundle: Digest


class UncountedFacts(Value):
    """An approval that does not count for who asks."""

    by: str
    why: tuple[str, ...]


class ApprovalsFacts(Value):
    """How many have to approve, see `Approvals`; and whose word counts for that."""

    required: int
    people: tuple[str, ...]
    """Whom `from` stands for."""
    not_author: bool
    expires: int
    clicks: bool
    counted: tuple[str, ...] = ()
    """Who has approved of this plan under this policy, each person once."""
    objections: tuple[ApprovalFacts, ...] = ()
    """Rejections of this plan by somebody who has a say."""
    not_counted: tuple[UncountedFacts, ...] = ()
    """Of each approval that does not count: whose, and why."""


class RequirementFacts(Value):
    """What one side asks for; see `Requirements`. What is null is not asked for."""

    by: Literal["service", "operator"]
    soak: int | None = None
    approvals: ApprovalsFacts | None = None
    vulnerabilities: dict[str, int | None] | None = None
    """By severity the most that are let in, null for any number; and `scanned_within`."""
    licences: dict[str, Any] | None = None
    """`allow`, `deny`, `unknown`."""
    signed_by: tuple[str, ...] = ()


class PlanFacts(Value):
    """What would change."""

    digest: Digest
    changes: tuple[Change, ...] = ()
    reason: str = ""


class ExceptionFacts(Value):
    """An exception that two people have signed, and that has not expired."""

    gate: str
    finding: str = ""
    by: tuple[str, ...]
    reason: str
    expires_at: int
    bundles: tuple[Digest, ...]


class RevocationFacts(Value):
    """The release was revoked."""

    by: str
    made_at: int
    reason: str
    bundle: Digest


class HoldFacts(Value):
    """A hold of the environment."""

    release: Digest
    """After which it is held; never let in there again without an exception."""
    commit: str
    made_at: int
    reason: str
    bundle: Digest
    lifted: bool
    """Whether somebody has lifted it: then the environment is open again, and the release is still not let in."""


class Facts(Value):
    """The input document of every policy."""

    version: Literal[1] = 1
    purpose: Purpose
    now: int
    service: str
    policy: Digest
    """Of everything that is asked for there: the policies, the requirements, whom the environment trusts."""
    release: ReleaseFacts
    environment: EnvironmentFacts
    gates: tuple[RequirementFacts, ...]
    """The service's own and the operator's."""
    chain: ChainFacts
    plan: PlanFacts | None = None
    """Null where no plan was made, because nobody has to approve one."""
    approvals: tuple[ApprovalFacts, ...] = ()
    exceptions: tuple[ExceptionFacts, ...] = ()
    revocations: tuple[RevocationFacts, ...] = ()
    holds: tuple[HoldFacts, ...] = ()
