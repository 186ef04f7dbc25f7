"""Sigstore bundles as they are on the wire, written and strictly read.

Format: Sigstore bundle v0.3 in its JSON mapping (github.com/sigstore/protobuf-specs, `sigstore_bundle.proto`).
Earlier versions (0.1, 0.2) are refused by `read_bundle`: no tool stores them in a registry as an image's referrers.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sigstore_models.bundle.v1 import Bundle as AnyBundle

from pratique.decisions.dsse import problems_of, strict_base64, strict_json
from pratique.errors import Invalid
from pratique.values._base import Value
from pratique.values.digest import Digest, digest_of
from pratique.values.evidence import BUNDLE_TYPE, PAYLOAD_TYPE

MAX_BUNDLE = 16 * 1024 * 1024
"""Bytes. A bill of materials of tens of thousands of components fits."""

_BUNDLE_TYPES = (BUNDLE_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3")
_REMEDY = "expected a Sigstore bundle v0.3 with one DSSE signature over an in-toto statement"


class KeyEnvelope(Value):
    """An envelope signed with a long-lived key, its signature not verified yet."""

    kind: Literal["key"] = "key"
    bundle: Digest
    hint: str
    payload: bytes
    signature: bytes
    content: bytes
    """The bundle as it was found."""


class CertificateEnvelope(Value):
    """An envelope signed with a certificate; what is in it is for Sigstore's own client to read."""

    kind: Literal["identity"] = "identity"
    bundle: Digest
    content: bytes
    """The bundle as it was found."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class _PublicKey(_Wire):
    hint: str = ""


class _Certificate(_Wire):
    raw_bytes: str


class _Material(_Wire):
    public_key: _PublicKey | None = None
    certificate: _Certificate | None = None
    tlog_entries: list[Any] = Field(default_factory=list)
    timestamp_verification_data: Any = None


class _Signature(_Wire):
    sig: str
    keyid: str = ""


class _Envelope(_Wire):
    payload: str
    payload_type: Literal["application/vnd.in-toto+json"]
    signatures: list[_Signature] = Field(min_length=1, max_length=1)


class _Bundle(_Wire):
    media_type: str
    verification_material: _Material
    dsse_envelope: _Envelope


def write_key_bundle(payload: bytes, signature: bytes, hint: str) -> bytes:
    """The bundle that cosign writes for a self-managed key without a transparency log."""
    envelope = {"payload": _base64(payload), "payloadType": PAYLOAD_TYPE, "signatures": [{"sig": _base64(signature)}]}
    material = {"publicKey": {"hint": hint}, "tlogEntries": []}
    bundle = {"mediaType": BUNDLE_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope}
    return json.dumps(bundle, separators=(",", ":")).encode()


def read_bundle(content: bytes) -> KeyEnvelope | CertificateEnvelope:
    """The one signed envelope in the bundle; `Invalid` where it is no such bundle. Nothing is verified yet."""
    digest = digest_of(content)
    if len(content) > MAX_BUNDLE:
        raise Invalid(f"bundle {digest}", f"{len(content)} bytes are more than the {MAX_BUNDLE} that are read", _REMEDY)
    try:
        return _envelope(_Bundle.model_validate(strict_json(content)), digest, content)
    except ValueError as error:
        raise Invalid(f"bundle {digest}", problems_of(error), _REMEDY) from None


def read_any_bundle(content: bytes) -> AnyBundle:
    """A bundle of version 0.1, 0.2 or 0.3 over whatever was signed; `Invalid` where it is none. Nothing is verified yet."""
    place, remedy = f"bundle {digest_of(content)}", "expected a Sigstore bundle of version 0.1, 0.2 or 0.3"
    if len(content) > MAX_BUNDLE:
        raise Invalid(place, f"{len(content)} bytes are more than the {MAX_BUNDLE} that are read", remedy)
    try:
        found = strict_json(content)
        _spell_out(found["verificationMaterial"])
        return AnyBundle.from_json(json.dumps(found))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        problem = problems_of(error) if isinstance(error, ValueError) else "it is not laid out as a bundle is"
        raise Invalid(place, problem, remedy) from None


def _spell_out(material: dict[str, Any]) -> None:
    """Write what protobuf's JSON mapping leaves out where it is empty or zero, which the model asks for all the same.

    So is the first entry of every new log written by cosign: its index is 0, and its proof needs no hashes.
    """
    for entry in material.setdefault("tlogEntries", []):
        entry.setdefault("logIndex", "0")
        if "inclusionProof" in entry:
            entry["inclusionProof"] = {"logIndex": "0", "hashes": []} | entry["inclusionProof"]


def _envelope(bundle: _Bundle, digest: Digest, content: bytes) -> KeyEnvelope | CertificateEnvelope:
    if bundle.media_type not in _BUNDLE_TYPES:
        raise ValueError(f"unknown media type {bundle.media_type[:100]!r}")
    material, envelope = bundle.verification_material, bundle.dsse_envelope
    payload, signature = strict_base64(envelope.payload), strict_base64(envelope.signatures[0].sig)
    match (material.public_key, material.certificate):
        case (_PublicKey(hint=hint), None):
            return KeyEnvelope(bundle=digest, hint=hint, payload=payload, signature=signature, content=content)
        case (None, _Certificate()):
            return CertificateEnvelope(bundle=digest, content=content)
        case _:
            raise ValueError("verificationMaterial: exactly one of publicKey and certificate is needed")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
