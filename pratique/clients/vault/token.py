"""A token and its life.

Times are seconds of a monotonic clock, taken *before* the request that obtained the token,
so that it is believed to end a little early rather than a little late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import SecretStr

from pratique.values._base import Value

LOW = 1 / 3
"""The part of a token's life that is kept in reserve: with less left than that, it is renewed."""


class Token(Value):
    """A Vault token, as far as we know it."""

    text: SecretStr
    ours: bool
    """Whether we obtained it: only then do we renew and revoke it."""
    policies: tuple[str, ...] = ()
    renewable: bool = False
    life: float = 0
    """The seconds it was given at login; 0: it does not end, or we are not told."""
    ends: float | None = None

    @classmethod
    def from_login(cls, auth: Mapping[str, Any], now: float) -> Self:
        """The token of a login's answer, its `auth` object."""
        life = float(auth.get("lease_duration") or 0)
        return cls(
            text=SecretStr(auth["client_token"]),
            # A batch token has no record in Vault: it can be neither renewed nor revoked, and just ends.
            ours=auth.get("token_type") != "batch",
            policies=tuple(auth.get("policies") or ()),
            renewable=bool(auth.get("renewable")),
            life=life,
            ends=now + life if life else None,
        )

    def renewed(self, auth: Mapping[str, Any], now: float) -> Self:
        """The same token with the longer life that a renewal's answer tells."""
        return self.model_copy(update={"ends": now + float(auth.get("lease_duration") or 0)})

    def is_spent(self, now: float) -> bool:
        """Whether its life is over."""
        return self.ends is not None and now >= self.ends

    def is_low(self, now: float) -> bool:
        """Whether less than a third of its life is left."""
        return self.ends is not None and self.ends - now < self.life * LOW
