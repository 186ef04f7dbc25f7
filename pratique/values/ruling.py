"""Rulings: what a person, or the pipeline itself, has decided about a release, signed and stored beside it.

    approve   this plan may be carried out there, under this policy
    reject    it may not
    except    one gate may be passed over there, for a time; two people sign the same one
    revoke    the release may go nowhere any more
    hold      nothing comes into the environment by itself until somebody lifts this; the release is not let in there again
    lift      a hold has ended

The predicate is described in docs/formats.md and by docs/ruling.schema.json. No standard's predicate says which plan, under
which policy, until when, and why (docs/decisions/0012-rulings.md).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.evidence import Signer
from pratique.values.names import CommitId, Name

RULING_PREDICATE: Final = "https://pratique.dev/ruling/v1"


class _Ruled(Value):
    format: Literal["pratique.ruling/v1"] = "pratique.ruling/v1"
    service: Name
    release: Digest
    """The statement's subject once more: a ruling that was copied to another subject contradicts itself."""
    commit: CommitId
    made_at: AwareDatetime
    reason: str = Field(default="", max_length=1000)


class Approve(_Ruled):
    """A plan is approved of."""

    kind: Literal["approve"] = "approve"
    environment: Name
    plan: Digest
    policy: Digest
    expires_at: AwareDatetime | None = None
    clicked_by: str = Field(default="", max_length=200)
    """Whom somebody said to be who answered the form in Prefect's UI, which proves nothing; empty where a person signed."""


class Reject(_Ruled):
    """A plan is rejected."""

    kind: Literal["reject"] = "reject"
    environment: Name
    plan: Digest
    policy: Digest
    clicked_by: str = Field(default="", max_length=200)


class Except(_Ruled):
    """A gate may be passed over."""

    kind: Literal["except"] = "except"
    environment: Name
    gate: Name
    finding: str = Field(default="", max_length=200)
    """The one finding that is passed over, such as a CVE's id; empty: everything that the gate says."""
    expires_at: AwareDatetime


class Revoke(_Ruled):
    """The release may go nowhere any more."""

    kind: Literal["revoke"] = "revoke"


class Hold(_Ruled):
    """After the release the environment is held."""

    kind: Literal["hold"] = "hold"
    environment: Name
    promotion: str = Field(min_length=1, max_length=64)
    """Which brought it there, or brought the environment back from it."""


class Lift(_Ruled):
    """A hold has ended."""

    kind: Literal["lift"] = "lift"
    environment: Name
    hold: Digest
    """The bundle that carries the hold."""


Ruling = Approve | Reject | Except | Revoke | Hold | Lift
RULINGS: TypeAdapter[Ruling] = TypeAdapter(Annotated[Ruling, Field(discriminator="kind")])


class SignedRuling(Value):
    """A ruling, whose it is, and where it is stored."""

    ruling: Ruling = Field(discriminator="kind")
    by: str
    """The person of the settings who signed it; empty for the pipeline itself."""
    signer: Signer = Field(discriminator="kind")
    bundle: Digest
