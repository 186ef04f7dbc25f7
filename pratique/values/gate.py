"""What gates are made of, and what they say: modules of Rego, and a verdict of each gate."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from pratique.values._base import Value
from pratique.values.decision import Wait
from pratique.values.digest import Digest
from pratique.values.names import Name

Origin = Literal["pratique", "operator", "service"]
"""Who wrote a policy: it ships with Pratique, the operator's settings name its folder, or the release brings it."""

LONGEST_REASON = 4000
"""Characters. A policy that says more than a person reads in one go has run away."""


class Module(Value):
    """One file of Rego."""

    path: str = Field(min_length=1, max_length=1000)
    """Where a person finds it; errors name it."""
    text: str
    origin: Origin


class Denial(Value):
    """Why a gate says no."""

    reason: str = Field(min_length=1, max_length=LONGEST_REASON)
    finding: str = Field(default="", max_length=200)
    """The one finding that it is about, such as a licence, so that an exception can name it; empty: the gate as a whole."""


class Excepted(Value):
    """A reason that an exception passes over."""

    gate: str
    reason: str
    by: tuple[str, ...]
    until: datetime
    """When the exception ends."""
    why: str
    """As those who signed it say."""
    bundles: tuple[Digest, ...]
    """Those that carry the exception, one of each who signed it."""


class GateVerdict(Value):
    """What one gate says of one input document."""

    gate: Name
    origin: Origin
    allowed: bool
    """Its `allow` is exactly true, and nothing speaks against it."""
    denials: tuple[Denial, ...] = ()
    waits: tuple[Wait, ...] = ()

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.allowed and (self.denials or self.waits):
            raise ValueError("a gate that has reasons against it does not allow")
        if not self.allowed and not self.denials and not self.waits:
            raise ValueError("a gate that does not allow says why")
        return self
