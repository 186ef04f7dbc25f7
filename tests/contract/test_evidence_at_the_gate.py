"""Evidence from end to end: signed, attached, gathered, and decided on, with keys and with identities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from pratique.clients.ports import EvidenceSigner
from pratique.clients.sigstore import KeyEvidenceSigner, KeylessEvidenceSigner, OfflineEvidenceVerifier
from pratique.clients.sigstore.gather import gather, sign_and_attach
from pratique.decisions.gates import decide_floor
from pratique.decisions.provenance import RunDetails, image_statements, release_statements, signature_statement
from pratique.decisions.situation import Situation
from pratique.settings import KeylessSigning
from pratique.values.commit import Commit
from pratique.values.decision import Decision
from pratique.values.digest import digest_of
from pratique.values.environment import environment_of
from pratique.values.evidence import Statement
from pratique.values.references import ImageReference
from pratique.values.release import RELEASE_TYPE, StoredRelease
from pratique.values.trust import Trusted, TrustedIdentity, TrustedKey
from tests.fakes.registry import FakeRegistry
from tests.fakes.stored_release import COMMIT, stored_release
from tests.fakes.vault import FakeVault
from tests.services._private_sigstore.deployment import PrivateSigstore

RUN = RunDetails(builder="https://example.test/builder")


@dataclass
class Delivery:
    """A release in a registry, and who signs what about it."""

    registry: FakeRegistry
    stored: StoredRelease
    signer: EvidenceSigner
    trusted: Trusted

    def sign(self, reference: ImageReference, statements: Sequence[Statement]) -> None:
        for statement in statements:
            sign_and_attach(
                self.registry,
                self.signer,
                reference.repository,
                statement,
                reference.digest,
                created=COMMIT.committed_at,
                verifier=OfflineEvidenceVerifier(),
                trusted=[self.trusted],
            )

    def sign_release(self) -> None:
        self.sign(self.stored.reference, release_statements(self.stored, RUN))

    def sign_images(self, commit: Commit = COMMIT) -> None:
        for image, section in zip(self.stored.release.images, self.stored.release.manifest.images, strict=True):
            self.sign(image.reference, image_statements(image.reference, section, commit, RUN))

    def decide(self, *trusted: Trusted) -> Decision:
        whom = trusted or (self.trusted,)
        evidence = gather(self.registry, OfflineEvidenceVerifier(), self.stored, whom)
        environment = environment_of(self.stored.release.manifest, "dev")
        return decide_floor(
            Situation(
                stored=self.stored,
                environment=environment,
                origins=None,
                trusted=whom,
                evidence=evidence,
                policy=digest_of(b"policy"),
                now=datetime.now(UTC),
            )
        )


def _in_a_registry(registry: FakeRegistry) -> StoredRelease:
    """The release with its images, each an artifact that the registry really holds."""
    stored = stored_release()
    images = tuple(
        image.model_copy(
            update={
                "reference": ImageReference(
                    repository=image.reference.repository,
                    digest=registry.push_artifact(
                        image.reference.repository, "application/vnd.example.test", image.name.encode(), (), {}
                    ),
                )
            }
        )
        for image in stored.release.images
    )
    release = stored.release.model_copy(update={"images": images})
    content = release.model_dump_json().encode()
    digest = registry.push_artifact(stored.reference.repository, RELEASE_TYPE, content, (), {})
    return StoredRelease(digest=digest, release=release)


@pytest.fixture(params=["key", "identity"])
def delivery(request: pytest.FixtureRequest, private_sigstore: PrivateSigstore) -> Delivery:
    registry = FakeRegistry()
    stored = _in_a_registry(registry)
    if request.param == "key":
        vault = FakeVault()
        vault.create_key("pratique")
        trusted_key = TrustedKey(pem=vault.public_key("pratique")[1])
        return Delivery(registry, stored, KeyEvidenceSigner(vault, "pratique"), trusted_key)
    identity = "pipeline@factory.test"
    signing = KeylessSigning(trust_config=private_sigstore.configurations["v2-timestamp"])
    signer = KeylessEvidenceSigner(signing, lambda: private_sigstore.issuer.token(identity))
    trusted = TrustedIdentity(identity=identity, issuer=private_sigstore.issuer.url, trusted_root=private_sigstore.trusted_root)
    return Delivery(registry, stored, signer, trusted)


def test_a_release_that_is_signed_throughout_is_let_in(delivery: Delivery) -> None:
    delivery.sign_images()
    delivery.sign_release()
    assert delivery.decide() == Decision()


def test_signing_it_all_again_attaches_nothing(delivery: Delivery) -> None:
    for _ in range(2):
        delivery.sign_images()
        delivery.sign_release()
    assert sorted(len(entries) for entries in delivery.registry.attached.values()) == [2, 2, 2]


def test_an_unsigned_release_is_told_everything_that_is_missing(delivery: Delivery) -> None:
    reasons = delivery.decide().reasons
    assert [("is not signed" in reason, "has no provenance" in reason) for reason in reasons] == [
        *[(True, False)] * 3,
        *[(False, True)] * 3,
    ]


def test_signed_images_do_not_make_a_signed_release(delivery: Delivery) -> None:
    delivery.sign_images()
    assert all(str(delivery.stored.reference) in reason for reason in delivery.decide().reasons)
    assert len(delivery.decide().reasons) == 2


def test_a_signature_copied_to_another_image_is_refused(delivery: Delivery) -> None:
    delivery.sign_release()
    web, job = (image.reference for image in delivery.stored.release.images)
    delivery.sign(web, image_statements(web, delivery.stored.release.manifest.images[0], COMMIT, RUN))
    for bundle in delivery.registry.bundles(web.repository, web.digest):
        delivery.registry.attach(job.repository, job.digest, bundle, "copied", COMMIT.committed_at)
    signed, proven = delivery.decide().reasons
    assert f"a signature is attached that speaks of {web.digest}" in signed
    assert f"the provenance of {job}: it does not speak of {job.digest}" in proven


def test_provenance_of_another_commit_is_refused_although_it_is_signed(delivery: Delivery) -> None:
    delivery.sign_release()
    delivery.sign_images(COMMIT.model_copy(update={"id": "2" * 40}))
    assert any(f"it names the commit {'2' * 40}, not {COMMIT.id}" in reason for reason in delivery.decide().reasons)


def test_an_attestation_alone_is_no_signature(delivery: Delivery) -> None:
    delivery.sign_images()
    delivery.sign(delivery.stored.reference, release_statements(delivery.stored, RUN)[1:])
    (reason,) = delivery.decide().reasons
    assert "an attestation of type https://slsa.dev/provenance/v1 is attached, which is no signature" in reason


def test_what_somebody_else_signed_counts_nowhere(delivery: Delivery) -> None:
    delivery.sign_images()
    delivery.sign_release()
    stranger = FakeVault()
    stranger.create_key("stranger")
    reasons = delivery.decide(TrustedKey(pem=stranger.public_key("stranger")[1])).reasons
    assert len(reasons) == 6
    assert all("is not signed by anyone trusted" in reason for reason in reasons[:3])


def test_a_statement_by_a_stranger_beside_ours_changes_nothing(delivery: Delivery) -> None:
    delivery.sign_images()
    delivery.sign_release()
    stranger = FakeVault()
    stranger.create_key("stranger")
    reference = delivery.stored.reference
    bundle = KeyEvidenceSigner(stranger, "stranger").sign(signature_statement("", reference.digest))
    delivery.registry.attach(reference.repository, reference.digest, bundle, "strange", COMMIT.committed_at)
    delivery.registry.attach(reference.repository, reference.digest, b"no bundle", "broken", COMMIT.committed_at)
    assert delivery.decide().allowed
