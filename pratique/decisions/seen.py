"""What a proof is made of: what is attached to a release and whose signatures count, looked up before it is judged."""

from __future__ import annotations

from functools import cached_property

from pydantic import AwareDatetime, Field

from pratique.decisions.chain import Chain, chain_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.rulings import Rulings, rulings_of
from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.evidence import VerifiedStatement
from pratique.values.proof import Part
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.ruling import SignedRuling
from pratique.values.trust_material import PlaceTrust, TrustMaterial


class Claimed(Value):
    """A bundle that nobody signed whose word counts, and what it says it is."""

    bundle: Digest
    predicate_type: str
    """As it says itself; empty where even that cannot be read."""
    why: str
    """Why it does not count."""


class Replaced(Value):
    """A grant that another one says it replaced, which may be of any release."""

    found: VerifiedStatement | None = None
    why: str = ""
    """Why there is none to compare."""


class Seen(Value):
    """What is known. A copy may have another `recorded`, `ruled` and `gone`, and nothing else: what follows is found once."""

    stored: StoredRelease
    material: TrustMaterial
    now: AwareDatetime
    evidence: tuple[Gathered, ...]
    """What is attached to the release and to each of its images, by anyone who is trusted anywhere; the release comes first."""
    by_environment: dict[str, tuple[Gathered, ...]] = Field(default_factory=dict)
    """The same, by those whom the environment trusts."""
    infrastructure: str = ""
    """Why the infrastructure bundle cannot be had as the release names it; empty where it can."""
    gone: dict[Digest, str] = Field(default_factory=dict)
    """Images that the registry does not have whole any more, and what of each is missing; of a file this is not asked."""
    claimed: tuple[Claimed, ...] = ()
    """What is attached to the release besides."""
    replaced: dict[str, dict[Digest, Replaced]] = Field(default_factory=dict)
    """By environment, and by the digest of the bundle."""
    recorded: dict[str, Digest] | None = None
    """The bundle of the newest grant of the release in each environment, as the ledger has it; None where it is not asked."""

    ruled: tuple[SignedRuling, ...] = ()
    """What has been decided about the release, as the ledger has it."""

    def place(self, environment: str) -> PlaceTrust:
        """What is believed of the environment; nothing, where it is not known."""
        return self.material.environments.get(environment, PlaceTrust())

    def attached_in(self, environment: str) -> tuple[Gathered, ...]:
        """What counts in the environment, the release's first."""
        return self.by_environment.get(environment) or (Gathered(reference=self.stored.reference),)

    def chain_in(self, environment: str) -> Chain:
        """The release's chain, as the environment believes it."""
        if environment not in self._chains:
            self._chains[environment] = chain_of(self.stored, self.attached_in(environment)[0], self.now)
        return self._chains[environment]

    @cached_property
    def _chains(self) -> dict[str, Chain]:
        return {}

    @cached_property
    def chain(self) -> Chain:
        """The release's chain, as far as anyone who is trusted anywhere made it."""
        return chain_of(self.stored, self.evidence[0], self.now)

    @cached_property
    def rulings(self) -> Rulings:
        """What has been decided about the release."""
        return rulings_of(self.stored, self.evidence[0], self.now)

    @cached_property
    def parts(self) -> dict[Digest, Part]:
        """What was found out about each grant, by its bundle: filled by `pratique.decisions.proving`."""
        return {}

    def of(self, reference: ImageReference) -> Gathered:
        """What is attached to the image or release, by anyone who is trusted anywhere."""
        return next((found for found in self.evidence if found.reference == reference), Gathered(reference=reference))
