"""Evidence in the registry, beside what it speaks of: gathered from there, and attached once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pratique.clients.ports import EvidenceSigner, EvidenceVerifier, Registry
from pratique.decisions.evidence import Gathered
from pratique.errors import Refused
from pratique.values._base import Value
from pratique.values.digest import Digest, digest_of
from pratique.values.evidence import Statement, VerifiedStatement
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.trust import Trusted


class Attached(Value):
    """A signed statement that the registry holds."""

    bundle: Digest
    reason: str = ""
    """Why nothing was signed; empty when it was signed and attached now."""


def gather(
    registry: Registry, verifier: EvidenceVerifier, stored: StoredRelease, trusted: Sequence[Trusted]
) -> tuple[Gathered, ...]:
    """What is attached to the release and to each of its images, verified against `trusted`; the release comes first."""
    references = [stored.reference, *(image.reference for image in stored.release.images)]
    return tuple(gather_one(registry, verifier, reference, trusted) for reference in references)


def gather_one(
    registry: Registry, verifier: EvidenceVerifier, reference: ImageReference, trusted: Sequence[Trusted]
) -> Gathered:
    """What is attached to one image or release: a bundle that does not verify hides none that does, and is remembered."""
    verified: list[VerifiedStatement] = []
    rejected: list[str] = []
    for bundle in registry.bundles(reference.repository, reference.digest):
        try:
            verified.append(verifier.verify(bundle, trusted))
        except Refused as no:
            rejected.append(str(no))
    return Gathered(reference=reference, verified=tuple(verified), rejected=tuple(rejected))


def sign_and_attach(
    registry: Registry,
    signer: EvidenceSigner,
    repository: str,
    statement: Statement,
    digest: Digest,
    *,
    created: datetime,
    verifier: EvidenceVerifier,
    trusted: Sequence[Trusted],
) -> Attached:
    """The statement, signed and attached to `digest`; nothing is done where an equal one by a trusted signer is there."""
    reference = ImageReference(repository=repository, digest=digest)
    if not statement.speaks_of(digest):
        raise Refused(f"a statement that does not speak of {reference} is not attached to it")
    for found in gather_one(registry, verifier, reference, trusted).verified:
        if found.statement.payload() == statement.payload():
            return Attached(bundle=found.bundle, reason=f"{reference} holds this {statement.predicate_type} already")
    bundle = signer.sign(statement)
    registry.attach(repository, digest, bundle, statement.predicate_type, created)
    return Attached(bundle=digest_of(bundle))
