"""Grants: the signed record that a release may be in an environment, linked to the grants that it follows.

Our one predicate, described in docs/formats.md and by docs/grant.schema.json; everything else that is signed is a standard's.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import AwareDatetime, Field

from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.names import CommitId, Name

GRANT_PREDICATE: Final = "https://pratique.dev/grant/v1"


class Link(Value):
    """An earlier grant, by the digest of the bundle that carries it."""

    environment: Name
    grant: Digest


class PassedCheck(Value):
    """A check that passed before the grant."""

    name: Name
    detail: str
    """What was seen, in one line."""


class Approval(Value):
    """Who approved, and the bundle that carries their word."""

    by: str
    is_click: bool = False
    """Somebody who called themselves that clicked, and nobody can prove who it was."""
    bundle: Digest


class Grant(Value):
    """The predicate: this release was let into this environment, on this plan, under this policy, after these grants.

    The release is the statement's subject, and repeated here: a grant that was copied to another subject contradicts itself.
    """

    format: Literal["pratique.grant/v1"] = "pratique.grant/v1"
    kind: Literal["promote", "rollback"]
    service: Name
    environment: Name
    release: Digest
    commit: CommitId
    promotion: str = Field(min_length=1, max_length=64)
    """The promotion's id in the ledger."""
    fence: int = Field(ge=1)
    """The lock's fencing token, which only grows in an environment: which of two grants is the later one."""
    plan: Digest
    """Of what was to change, and of what was desired."""
    policy: Digest
    """Of what the gates asked for there: see `policy_digest`."""
    checks: tuple[PassedCheck, ...] = ()
    granted_at: AwareDatetime
    upstream: tuple[Link, ...] = ()
    """The grants of this release in every environment that this one comes after. A rollback has none."""
    restores: Digest | None = None
    """Of a rollback: the earlier grant of this release in this environment."""
    replaces: Digest | None = None
    """The grant that the environment held until now, of whatever release."""
    reason: str = ""
    """Why nothing had to be done, or why it was rolled back."""
    verdict: Digest | None = None
    """The bundle that carries the summary of what the gates came to."""
    results: Digest | None = None
    """The bundle that carries what the checks found."""
    approvals: tuple[Approval, ...] = ()
    """Who approved of this plan under this policy."""
    exceptions: tuple[Digest, ...] = ()
    """The bundles of the exceptions by which a gate was passed over."""
    requested_by: str = ""
    """Who asked, as far as known: a claim for the record, never an authority."""
    began_at: AwareDatetime | None = None
    address: str = ""
    """Where the workload is reached."""
    run: str = ""
    """The page of the run that made it."""


class GrantEvidence(Value):
    """A signed grant, as the ledger names it."""

    bundle: Digest
    at: AwareDatetime
    """When it was granted, as the grant says."""
