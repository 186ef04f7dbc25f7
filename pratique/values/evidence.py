"""Evidence: in-toto statements, and the Sigstore bundles that carry them signed.

Formats: in-toto Statement v1 (github.com/in-toto/attestation), DSSE 1.0 (github.com/secure-systems-lab/dsse),
Sigstore bundle v0.3 (github.com/sigstore/protobuf-specs), SLSA provenance v1 (slsa.dev/spec/v1.0/provenance).
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from pratique.values._base import Value
from pratique.values.digest import Digest, canonical_json, hex_of

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNATURE_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
PROVENANCE_PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://pratique.dev/build/docker/v1"
"""`buildType` of our provenance; documented in docs/formats.md."""


class Subject(BaseModel):
    """What a statement speaks of. Unknown fields are kept: the statement may be another tool's."""

    model_config = ConfigDict(frozen=True, extra="allow")
    name: str = ""
    digest: dict[str, str]


class Statement(BaseModel):
    """One in-toto statement. Unknown fields are kept: the statement may be another tool's."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    type: Literal["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"] = Field(
        default=STATEMENT_TYPE, alias="_type"
    )
    """`v0.1` is read too, because `cosign attest` still writes it."""
    subject: tuple[Subject, ...] = Field(min_length=1)
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any] = Field(default_factory=dict)

    def payload(self) -> bytes:
        """The bytes that are signed."""
        return canonical_json(self.model_dump(mode="json", by_alias=True))

    def speaks_of(self, digest: Digest) -> bool:
        """Whether `digest` is one of its subjects."""
        return any(subject.digest.get("sha256") == hex_of(digest) for subject in self.subject)


def statement_about(name: str, digest: Digest, predicate_type: str, predicate: dict[str, Any]) -> Statement:
    """A statement about one digest."""
    subject = Subject(name=name, digest={"sha256": hex_of(digest)})
    return Statement(subject=(subject,), predicate_type=predicate_type, predicate=predicate)


class KeySigner(Value):
    """Signed by a long-lived key."""

    kind: Literal["key"] = "key"
    hint: str
    """base64 of the sha256 of the key's DER SubjectPublicKeyInfo, as cosign writes it into a bundle."""


class IdentitySigner(Value):
    """Signed with a short-lived certificate (keyless)."""

    kind: Literal["identity"] = "identity"
    identity: str
    issuer: str


Signer = KeySigner | IdentitySigner


class VerifiedStatement(Value):
    """A statement whose signature was verified, with who signed it and where it is stored."""

    statement: Statement
    signer: Signer = Field(discriminator="kind")
    bundle: Digest
    """Of the bundle's bytes in the registry: what a later statement names to link to this one."""
    by: str = ""
    """The person of the settings whose signature it is; empty for the pipeline's."""
