"""A release in a registry, and those who sign for us: what the suites with the real cosign have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pratique.clients.ports import EvidenceSigner
from pratique.clients.registry import OciRegistry
from pratique.clients.sigstore import KeyEvidenceSigner, KeylessEvidenceSigner, OfflineEvidenceVerifier
from pratique.clients.sigstore.gather import gather_one, sign_and_attach
from pratique.decisions.chain import grant_statement
from pratique.decisions.evidence import Gathered
from pratique.decisions.provenance import RunDetails, release_statements
from pratique.settings import KeylessSigning
from pratique.values.evidence import Statement
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.trust import Trusted, TrustedIdentity, TrustedKey
from tests.fakes.grants import granted
from tests.fakes.stored_release import COMMIT
from tests.fakes.vault import FakeVault
from tests.services._private_sigstore.deployment import PrivateSigstore
from tests.services.cosign import Cosign

REPOSITORY = "greeter/releases"
PIPELINE, STRANGER = "pipeline@factory.test", "stranger@factory.test"
CONFIGURATIONS = ("v1", "v1-timestamp", "v2-timestamp")
"""Of the private deployment: the version of Rekor, and whether there is a timestamp authority."""


@dataclass(frozen=True)
class Place:
    """A release in a registry; what is said of it, and who says so, is each test's own."""

    address: str
    registry: OciRegistry
    stored: StoredRelease

    @property
    def reference(self) -> ImageReference:
        return ImageReference(repository=REPOSITORY, digest=self.stored.digest)

    @property
    def name(self) -> str:
        """As cosign is told it."""
        return f"{self.address}/{REPOSITORY}@{self.stored.digest}"

    def statements(self) -> tuple[Statement, ...]:
        """Signature, provenance and a grant of the release."""
        run = RunDetails(builder="https://example.test/builder")
        return (*release_statements(self.stored, run), grant_statement(self.stored, granted(self.stored, "dev", 0, {})))

    def sign(
        self,
        signer: EvidenceSigner,
        trusted: Trusted,
        statements: Sequence[Statement] = (),
        reference: ImageReference | None = None,
    ) -> None:
        """Attach the statements, or all three of the release, to the release or to what is named."""
        subject = reference or self.reference
        for statement in statements or self.statements():
            sign_and_attach(
                self.registry,
                signer,
                subject.repository,
                statement,
                subject.digest,
                created=COMMIT.committed_at,
                verifier=OfflineEvidenceVerifier(),
                trusted=[trusted],
            )

    def gathered(self, *trusted: Trusted) -> Gathered:
        return gather_one(self.registry, OfflineEvidenceVerifier(), self.reference, trusted)


@dataclass(frozen=True)
class Party:
    """One who signs for us, whom to trust for that, and how cosign is told so."""

    signer: EvidenceSigner
    trusted: Trusted
    flags: tuple[str, ...]


def with_key(cosign: Cosign, name: str = "pratique") -> Party:
    vault = FakeVault()
    vault.create_key(name)
    pem = vault.public_key(name)[1]
    (cosign.folder / f"{name}.pub").write_text(pem)
    flags = ("--key", f"{name}.pub", "--insecure-ignore-tlog=true")
    return Party(KeyEvidenceSigner(vault, name), TrustedKey(pem=pem), flags)


def with_identity(deployment: PrivateSigstore, configuration: str, identity: str = PIPELINE) -> Party:
    settings = KeylessSigning(trust_config=deployment.configurations[configuration])
    signer = KeylessEvidenceSigner(settings, lambda: deployment.issuer.token(identity))
    return Party(signer, identity_of(deployment, identity), identity_flags(deployment, identity))


def identity_of(deployment: PrivateSigstore, identity: str = PIPELINE) -> TrustedIdentity:
    return TrustedIdentity(identity=identity, issuer=deployment.issuer.url, trusted_root=deployment.trusted_root)


def identity_flags(deployment: PrivateSigstore, identity: str = PIPELINE, issuer: str = "") -> tuple[str, ...]:
    named = ("--certificate-identity", identity, "--certificate-oidc-issuer", issuer or deployment.issuer.url)
    return (*named, "--trusted-root", str(deployment.trusted_root))


def token_file(cosign: Cosign, deployment: PrivateSigstore, identity: str = PIPELINE) -> Path:
    """Where cosign finds the identity token: an argument could be seen by everybody on the machine."""
    file = cosign.folder / "token"
    file.write_text(deployment.issuer.token(identity))
    return file
