"""Trust material: whose word counts where, as whoever verifies believes it."""

from __future__ import annotations

from pydantic import Field

from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.names import Name
from pratique.values.people import People
from pratique.values.requirements import Exceptions, Requirements
from pratique.values.trust import Trusted


class PlaceTrust(Value):
    """What is believed of one environment."""

    trust: tuple[Trusted, ...] = ()
    """Whose signatures count there."""
    gates: Requirements = Requirements()
    """What the operator asks of every service's releases there."""
    after: tuple[Name, ...] = ()
    """The environments that come before it, whatever a service says."""
    exceptions: Exceptions | None = None
    """Who may let a gate be passed over there; absent: nobody."""
    policy: Digest | None = None
    """Of everything that is asked for there now; absent where that is not known."""


class TrustMaterial(Value):
    """Everything that signatures are compared with."""

    environments: dict[Name, PlaceTrust] = Field(default_factory=dict)
    people: People = People()
    origins: dict[str, str] | None = None
    """The repository of each service; None where any repository may name any."""

    @property
    def signers(self) -> tuple[Trusted, ...]:
        """Every signer that any environment trusts."""
        return tuple(dict.fromkeys(signer for place in self.environments.values() for signer in place.trust))
