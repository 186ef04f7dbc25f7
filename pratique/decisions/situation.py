"""Everything that a release, an environment and a moment are decided on, looked up before anything changes."""

from __future__ import annotations

from pydantic import AwareDatetime

from pratique.decisions.chain import Chain
from pratique.decisions.evidence import Gathered
from pratique.decisions.rulings import Rulings, rulings_of
from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.environment import Environment
from pratique.values.facts import Purpose
from pratique.values.people import People
from pratique.values.plan import Plan
from pratique.values.promotion import Promotion
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.requirements import Exceptions, Requirements
from pratique.values.ruling import SignedRuling
from pratique.values.trust import Trusted


class Situation(Value):
    """What is known."""

    purpose: Purpose = "promote"
    stored: StoredRelease
    environment: Environment
    origins: dict[str, str] | None
    """The repository that the operator's settings list for each service; None where any may name any."""
    trusted: tuple[Trusted, ...]
    """Whom the operator's settings trust for the environment; the evidence was verified against exactly these."""
    evidence: tuple[Gathered, ...]
    """What is attached to the release and to each of its images."""
    chain: Chain = Chain()
    """The grants of the release that its evidence supports: see `supported_in`."""
    upstream: tuple[Promotion, ...] = ()
    """Promotions of the service in the environments that come before, as the ledger has them."""
    held: Digest | None = None
    """The release that the environment holds, as the ledger has it."""
    holds: tuple[SignedRuling, ...] = ()
    """The holds of the environment, after whatever releases, and what has lifted them."""
    asked_by_operator: Requirements = Requirements()
    pinned: tuple[str, ...] = ()
    """The environments that come before by the operator's settings, whatever the service says."""
    exceptions: Exceptions | None = None
    """Who may make some in this environment."""
    people: People = People()
    plan: Plan | None = None
    """What would change, where somebody has to approve of it."""
    policy: Digest
    """Of everything that is asked for there."""
    now: AwareDatetime

    @property
    def after(self) -> tuple[str, ...]:
        """The environments that come before, by the service or by the operator."""
        return tuple(dict.fromkeys((*self.environment.after, *self.pinned)))

    def evidence_of(self, reference: ImageReference) -> Gathered:
        """What is attached to the image or release; nothing where nothing was gathered."""
        return next((found for found in self.evidence if found.reference == reference), Gathered(reference=reference))

    @property
    def rulings(self) -> Rulings:
        """The rulings about the release that count."""
        return rulings_of(self.stored, self.evidence_of(self.stored.reference), self.now)
