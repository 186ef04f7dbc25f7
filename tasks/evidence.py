"""Evidence: statements signed and attached."""

from __future__ import annotations

from collections.abc import Sequence

from pratique import __version__
from pratique.bootstrap import clients
from pratique.clients.sigstore.gather import sign_and_attach_all
from pratique.decisions.bill_of_materials import bill_statement
from pratique.decisions.provenance import RunDetails, image_statements, release_statements
from pratique.values.build import BuiltImage, PushedImage
from pratique.values.commit import Commit
from pratique.values.evidence import Statement
from pratique.values.manifest import ImageSection
from pratique.values.references import ImageReference
from pratique.values.release import ReleasedImage, StoredRelease
from tasks._retries import RETRY_SIGNING
from tasks._step import step, tell

BUILDER = f"https://pratique.dev/builder/{__version__}"
"""`builder.id` of our provenance: this pipeline, in this version."""


@step("sign {section.name}", RETRY_SIGNING)
def sign_image(commit: Commit, section: ImageSection, built: BuiltImage, pushed: PushedImage) -> ReleasedImage:
    """The image, its signature, its provenance and its bill of materials stored beside it."""
    image = pushed.image
    run = RunDetails(builder=BUILDER, started=built.started_at, finished=built.finished_at)
    bill = bill_statement(image.reference, pushed.bill, commit.committed_at)
    _sign(image.reference, commit, [*image_statements(image.reference, section, commit, run), bill])
    return image


@step("sign the release", RETRY_SIGNING)
def sign_release(stored: StoredRelease) -> StoredRelease:
    """The release, its signature and its provenance stored beside it."""
    _sign(stored.reference, stored.release.commit, release_statements(stored, RunDetails(builder=BUILDER)))
    return stored


def _sign(reference: ImageReference, commit: Commit, statements: Sequence[Statement]) -> None:
    with clients().registry() as registry, clients().signer() as signer:
        done = sign_and_attach_all(
            registry,
            signer,
            reference,
            statements,
            created=commit.committed_at,
            verifier=clients().verifier(),
            trusted=clients().trust,
        )
    for statement, attached in zip(statements, done, strict=True):
        tell(attached.reason or f"signed {statement.predicate_type} about {reference}")
