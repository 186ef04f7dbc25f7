"""Evidence in the registry, beside what it speaks of: gathered from there, and attached once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pratique.clients.ports import EvidenceSigner, EvidenceVerifier, Registry, RegistryReading
from pratique.clients.sigstore.free_text import without_secrets
from pratique.decisions.evidence import Gathered
from pratique.errors import Refused
from pratique.values._base import Value
from pratique.values.digest import Digest, digest_of
from pratique.values.evidence import Statement, VerifiedStatement
from pratique.values.people import People
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.ruling import RULING_PREDICATE
from pratique.values.trust import Trusted


class Attached(Value):
    """A signed statement that the registry holds."""

    bundle: Digest
    reason: str = ""
    """Why nothing was signed; empty when it was signed and attached now."""


class Rulers(Value):
    """Whose rulings count, whatever else they are trusted for."""

    pipelines: tuple[Trusted, ...] = ()
    people: People = People()


NOBODY = Rulers()


def gather(
    registry: RegistryReading,
    verifier: EvidenceVerifier,
    stored: StoredRelease,
    trusted: Sequence[Trusted],
    rulers: Rulers = NOBODY,
) -> tuple[Gathered, ...]:
    """What is attached to the release and to each of its images, verified against `trusted`; the release comes first.

    Rulings are about releases, so `rulers` are asked for there alone.
    """
    images = (gather_one(registry, verifier, image.reference, trusted) for image in stored.release.images)
    return (gather_one(registry, verifier, stored.reference, trusted, rulers), *images)


def gather_one(
    registry: RegistryReading,
    verifier: EvidenceVerifier,
    reference: ImageReference,
    trusted: Sequence[Trusted],
    rulers: Rulers = NOBODY,
) -> Gathered:
    """What is attached to one image or release: a bundle that does not verify hides none that does, and is remembered."""
    bundles = registry.bundles(reference.repository, reference.digest)
    return sort_out(verifier, reference, bundles, trusted, rulers)


def sort_out(
    verifier: EvidenceVerifier,
    reference: ImageReference,
    bundles: Iterable[bytes],
    trusted: Sequence[Trusted],
    rulers: Rulers = NOBODY,
) -> Gathered:
    """As `gather_one`, of bundles that were read before."""
    verified: list[VerifiedStatement] = []
    ruled: list[VerifiedStatement] = []
    rejected: list[str] = []
    for bundle in bundles:
        try:
            found = verifier.verify(bundle, trusted)
        except Refused as no:
            ruling = ruling_in(verifier, bundle, rulers)
            if ruling is None:
                rejected.append(str(no))
            else:
                ruled.append(ruling)
        else:
            (ruled if found.statement.predicate_type == RULING_PREDICATE else verified).append(found)
    return Gathered(reference=reference, verified=tuple(verified), ruled=tuple(ruled), rejected=tuple(rejected))


def ruling_in(verifier: EvidenceVerifier, bundle: bytes, rulers: Rulers) -> VerifiedStatement | None:
    """The ruling in the bundle, and whose it is; None where it is none, or nobody's whose rulings count."""
    known = [("", rulers.pipelines), *((name, person.trust) for name, person in rulers.people.persons.items())]
    for by, signers in known:
        try:
            found = verifier.verify(bundle, signers)
        except Refused:
            continue
        if found.statement.predicate_type == RULING_PREDICATE:
            return found.model_copy(update={"by": by})
    return None


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
    (attached,) = sign_and_attach_all(
        registry, signer, reference, [statement], created=created, verifier=verifier, trusted=trusted
    )
    return attached


def sign_and_attach_all(
    registry: Registry,
    signer: EvidenceSigner,
    reference: ImageReference,
    statements: Sequence[Statement],
    *,
    created: datetime,
    verifier: EvidenceVerifier,
    trusted: Sequence[Trusted],
) -> tuple[Attached, ...]:
    """As `sign_and_attach`, for several statements about one digest, in their order: what is there is gathered once."""
    if not all(statement.speaks_of(reference.digest) for statement in statements):
        raise Refused(f"a statement that does not speak of {reference} is not attached to it")
    # As the signer does: else what was signed without a secret would not be found again as an equal statement.
    statements = [without_secrets(statement) for statement in statements]
    verified = gather_one(registry, verifier, reference, trusted).verified
    held = {found.statement.payload(): found.bundle for found in verified}
    attached: list[Attached] = []
    for statement in statements:
        if (there := held.get(statement.payload())) is not None:
            attached.append(Attached(bundle=there, reason=f"{reference} holds this {statement.predicate_type} already"))
            continue
        bundle = signer.sign(statement)
        registry.attach(reference.repository, reference.digest, bundle, statement.predicate_type, created)
        attached.append(Attached(bundle=digest_of(bundle)))
    return tuple(attached)
