"""Any bundle by a key; Sigstore's own cases are run in tests/contract, and what cosign signs in tests/interop."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from pratique.clients.sigstore.artifact import verify_artifact
from pratique.clients.sigstore.bundle import MAX_BUNDLE, write_key_bundle
from pratique.clients.sigstore.keys import read_keys
from pratique.decisions.dsse import pre_authentication_encoding
from pratique.decisions.provenance import signature_statement
from pratique.errors import Invalid, Refused
from pratique.values.digest import Digest, digest_of, hex_of
from pratique.values.evidence import PAYLOAD_TYPE, KeySigner
from pratique.values.trust import TrustedIdentity, TrustedKey

ARTIFACT = b"hello\n"
STATEMENT = signature_statement("hello", digest_of(ARTIFACT))
P256, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()
SIGNING: dict[str, tuple[Any, Callable[[bytes], bytes]]] = {
    "P-256": (P256, lambda message: P256.sign(message, ec.ECDSA(hashes.SHA256()))),
    "P-384": (P384, lambda message: P384.sign(message, ec.ECDSA(hashes.SHA384()))),
    "Ed25519": (ED25519, ED25519.sign),
}
VERSIONS = [
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
]


def trusted(kind: str) -> TrustedKey:
    return TrustedKey(pem=SIGNING[kind][0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def hint(kind: str) -> str:
    return read_keys(trusted(kind).pem.encode(), "test")[0].hint


def over_artifact(kind: str = "P-256", *, told: bool = True, **changed: Any) -> bytes:
    message = {"signature": base64.b64encode(SIGNING[kind][1](ARTIFACT)).decode()}
    if told:
        digest = base64.b64encode(bytes.fromhex(hex_of(digest_of(ARTIFACT)))).decode()
        message |= {"messageDigest": {"algorithm": "SHA2_256", "digest": digest}}
    bundle = {"mediaType": VERSIONS[-1], "verificationMaterial": {"publicKey": {"hint": "any"}}, "messageSignature": message}
    return json.dumps(bundle | changed).encode()


def over_statement(kind: str = "P-256") -> bytes:
    payload = STATEMENT.payload()
    return write_key_bundle(payload, SIGNING[kind][1](pre_authentication_encoding(PAYLOAD_TYPE, payload)), "any")


@pytest.mark.parametrize("told", [True, False], ids=["digest told", "digest not told"])
@pytest.mark.parametrize("kind", SIGNING)
def test_an_artifact_that_a_key_signed_is_found_with_its_signer(kind: str, told: bool) -> None:  # noqa: FBT001
    bundle = over_artifact(kind, told=told)
    found = verify_artifact(bundle, ARTIFACT, [trusted(kind)])
    assert (found.signer, found.statement) == (KeySigner(hint=hint(kind)), None)
    with pytest.raises(Refused, match="another digest" if told else "does not fit"):
        verify_artifact(bundle, b"other", [trusted(kind)])


def test_a_digest_is_enough_for_p256_and_not_for_keys_that_sign_another_hash() -> None:
    assert verify_artifact(over_artifact(), digest_of(ARTIFACT), [trusted("P-256")]).signer == KeySigner(hint=hint("P-256"))
    for kind in ("P-384", "Ed25519"):
        with pytest.raises(Refused, match="does not fit"):
            verify_artifact(over_artifact(kind), digest_of(ARTIFACT), [trusted(kind)])


@pytest.mark.parametrize("artifact", [ARTIFACT, digest_of(ARTIFACT)], ids=["artifact", "digest"])
@pytest.mark.parametrize("kind", SIGNING)
def test_a_statement_counts_for_its_subjects_alone(kind: str, artifact: bytes | Digest) -> None:
    assert verify_artifact(over_statement(kind), artifact, [trusted(kind)]).statement == STATEMENT
    with pytest.raises(Refused, match="does not speak of"):
        verify_artifact(over_statement(kind), b"other", [trusted(kind)])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_read(version: str) -> None:
    bundle = over_artifact(mediaType=version)
    assert verify_artifact(bundle, ARTIFACT, [trusted("P-256")]).statement is None


@pytest.mark.parametrize("bundle", [over_artifact(), over_statement()], ids=["artifact", "statement"])
def test_another_key_an_identity_and_nobody_are_refused_and_several_are_tried(bundle: bytes) -> None:
    somebody = TrustedIdentity(identity="ada@example.test", issuer="https://issuer.test")
    with pytest.raises(Refused) as refused:
        verify_artifact(bundle, ARTIFACT, [trusted("P-384"), trusted("Ed25519"), somebody])
    assert len(refused.value.reasons) == 4
    with pytest.raises(Refused, match="nobody is trusted"):
        verify_artifact(bundle, ARTIFACT, [])
    rotated = TrustedKey(pem=trusted("P-384").pem + trusted("P-256").pem)
    assert verify_artifact(bundle, ARTIFACT, [somebody, rotated]).signer == KeySigner(hint=hint("P-256"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"{}", "not laid out as a bundle"),
        (b"[]", "not laid out as a bundle"),
        (b'{"verificationMaterial": {"tlogEntries": [1]}}', "not laid out as a bundle"),
        (b'{"verificationMaterial": []}', "not laid out as a bundle"),
        (b'{"verificationMaterial": {}, "verificationMaterial": {}}', "a key is repeated"),
        (over_artifact(dsseEnvelope=json.loads(over_statement())["dsseEnvelope"]), "Exactly one of messageSignature or dsse"),
        (over_artifact(messageSignature=None), "Exactly one of messageSignature or dsse"),
        (over_artifact(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json"), "mediaType"),
        (over_artifact(verificationMaterial={}), "Exactly one of publicKey"),
        (over_artifact() + b" " * MAX_BUNDLE, "more than the"),
    ],
)
def test_what_is_no_bundle_is_invalid(content: bytes, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        verify_artifact(content, ARTIFACT, [trusted("P-256")])


@pytest.mark.parametrize(
    "change", [{"payloadType": "text/plain"}, {"signatures": []}, {"signatures": [{"sig": "AAAA", "keyid": ""}] * 2}]
)
def test_an_envelope_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    bundle = json.loads(over_statement())
    bundle["dsseEnvelope"] |= change
    with pytest.raises(Refused, match="expected one signature over a payload of the type"):
        verify_artifact(json.dumps(bundle).encode(), ARTIFACT, [trusted("P-256")])


@given(content=st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        verify_artifact(content, ARTIFACT, [trusted("P-256")])
