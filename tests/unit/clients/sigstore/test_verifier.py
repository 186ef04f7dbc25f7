"""Key bundles; certificate bundles need a deployment and are shown in tests/contract/test_evidence.py."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique.clients.sigstore import KeyEvidenceSigner, OfflineEvidenceVerifier
from pratique.clients.sigstore.bundle import MAX_BUNDLE, write_key_bundle
from pratique.clients.sigstore.keys import read_keys
from pratique.decisions.dsse import pre_authentication_encoding
from pratique.decisions.provenance import signature_statement
from pratique.errors import Invalid, Refused
from pratique.values.digest import digest_of
from pratique.values.evidence import PAYLOAD_TYPE, KeySigner
from pratique.values.trust import Trusted, TrustedIdentity, TrustedKey
from tests.fakes.vault import FakeVault
from tests.mutations import edits, flipped

ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

STATEMENT = signature_statement("hello/images/web", digest_of(b"web"))
VAULT = FakeVault()
VAULT.create_key("ours")
VAULT.create_key("theirs")
BUNDLE = KeyEvidenceSigner(VAULT, "ours").sign(STATEMENT)
OURS, THEIRS = (TrustedKey(pem=VAULT.public_key(name)[1]) for name in ("ours", "theirs"))
SOMEBODY = TrustedIdentity(identity="ada@example.test", issuer="https://issuer.test")

VERIFIER = OfflineEvidenceVerifier()


def test_who_signed_what_is_found() -> None:
    found = VERIFIER.verify(BUNDLE, [OURS])
    assert found.statement == STATEMENT
    assert found.signer == KeySigner(hint=json.loads(BUNDLE)["verificationMaterial"]["publicKey"]["hint"])
    assert found.bundle == digest_of(BUNDLE)


@pytest.mark.parametrize("trusted", [[OURS, THEIRS], [THEIRS, OURS], [SOMEBODY, THEIRS, OURS]])
def test_one_trusted_signer_of_several_is_enough(trusted: list[Trusted]) -> None:
    assert VERIFIER.verify(BUNDLE, trusted).statement == STATEMENT


def test_nobody_trusted_means_no() -> None:
    with pytest.raises(Refused, match="nobody is trusted"):
        VERIFIER.verify(BUNDLE, [])


def test_the_reason_of_each_trusted_signer_is_given(tmp_path: Path) -> None:
    missing = TrustedKey(file=tmp_path / "missing.pem")
    with pytest.raises(Refused) as refused:
        VERIFIER.verify(BUNDLE, [THEIRS, SOMEBODY, missing, TrustedKey()])
    _, key, identity, file, empty = refused.value.reasons
    assert "the bundle names the key" in key
    assert "trusted identity ada@example.test of https://issuer.test: the bundle is signed with a bare key" in identity
    assert f"trusted key {missing.file}: cannot be read: No such file or directory" in file
    assert "gives both `pem` and `file`, or neither" in empty


def test_a_file_may_hold_several_keys_for_a_rotation(tmp_path: Path) -> None:
    file = tmp_path / "keys.pem"
    file.write_text(f"old\n{THEIRS.pem}\nnew\n{OURS.pem}")
    assert VERIFIER.verify(BUNDLE, [TrustedKey(file=file)]).statement == STATEMENT


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no PEM block"),
        (b"\xff\x00", "holds no PEM block"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "holds a PEM block that is no public key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "holds a PEM block that is no public key"),
    ],
)
def test_a_key_file_without_a_public_key_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(Refused, match=problem):
        VERIFIER.verify(BUNDLE, [TrustedKey(file=file)])


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048).public_key(), ec.generate_private_key(ec.SECP256K1()).public_key()]
)
def test_a_key_of_an_unsupported_kind_is_refused(key: PublicKeyTypes) -> None:
    trusted = TrustedKey(pem=key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    with pytest.raises(Refused, match="unsupported"):
        VERIFIER.verify(BUNDLE, [trusted])


MESSAGE = pre_authentication_encoding(PAYLOAD_TYPE, STATEMENT.payload())
ED25519, P384 = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        (ED25519.public_key(), ED25519.sign(MESSAGE)),
        (P384.public_key(), P384.sign(MESSAGE, ec.ECDSA(hashes.SHA384()))),
    ],
    ids=["Ed25519", "P-384"],
)
def test_other_kinds_of_keys_that_cosign_has_verify_too(key: PublicKeyTypes, signature: bytes) -> None:
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (read,) = read_keys(pem, "test")
    bundle = write_key_bundle(STATEMENT.payload(), signature, read.hint)
    assert VERIFIER.verify(bundle, [TrustedKey(pem=pem.decode())]).statement == STATEMENT
    with pytest.raises(Refused, match="does not fit"):
        VERIFIER.verify(write_key_bundle(STATEMENT.payload() + b" ", signature, read.hint), [TrustedKey(pem=pem.decode())])


def test_what_the_real_cosign_signed_verifies() -> None:
    made = json.loads((Path(__file__).parents[3] / "cases" / "cosign_attestation.json").read_text())
    found = VERIFIER.verify(made["bundle"].encode(), [TrustedKey(pem=made["public_key"])])
    assert found.statement.type == "https://in-toto.io/Statement/v0.1"
    assert found.statement.predicate_type == "https://slsa.dev/provenance/v1"
    assert found.statement.speaks_of(digest_of(b"hello\n"))


def _envelope(bundle: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = bundle["dsseEnvelope"]
    return found


def _material(bundle: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = bundle["verificationMaterial"]
    return found


def _flip(text: str) -> str:
    content = base64.b64decode(text)
    return base64.b64encode(flipped(content, len(content) // 2, 1)).decode()


TAMPERED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a flipped byte in the payload": (lambda b: _envelope(b).update(payload=_flip(_envelope(b)["payload"])), "does not fit"),
    "a flipped byte in the signature": (
        lambda b: _envelope(b)["signatures"][0].update(sig=_flip(_envelope(b)["signatures"][0]["sig"])),
        "does not fit",
    ),
    "a flipped byte in the hint": (
        lambda b: _material(b)["publicKey"].update(hint=_flip(_material(b)["publicKey"]["hint"])),
        "names the key",
    ),
    "no signature": (lambda b: _envelope(b).update(signatures=[]), "at least 1 item"),
    "two signatures": (lambda b: _envelope(b).update(signatures=_envelope(b)["signatures"] * 2), "at most 1 item"),
    "an empty signature": (lambda b: _envelope(b)["signatures"][0].update(sig=""), "does not fit"),
    "another payload type": (lambda b: _envelope(b).update(payloadType="text/plain"), "payloadType"),
    "a payload in base64url": (
        lambda b: _envelope(b).update(payload=base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode()),
        "no standard base64",
    ),
    "an old media type": (
        lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.2"),
        "unknown media type",
    ),
    "cosign's old signature type": (
        lambda b: b.update(mediaType="application/vnd.dev.cosign.simplesigning.v1+json"),
        "unknown media type",
    ),
    "no media type": (lambda b: b.pop("mediaType"), "mediaType: Field required"),
    "neither key nor certificate": (lambda b: _material(b).pop("publicKey"), "exactly one of publicKey and certificate"),
    "both key and certificate": (
        lambda b: _material(b).update(certificate={"rawBytes": "AAAA"}),
        "exactly one of publicKey and certificate",
    ),
    "a chain of certificates": (lambda b: _material(b).update(x509CertificateChain={}), "x509CertificateChain: Extra"),
    "a signed message instead of an envelope": (
        lambda b: b.update(messageSignature=b.pop("dsseEnvelope")),
        "dsseEnvelope: Field required",
    ),
    "field names as other mappings spell them": (
        lambda b: b.update(dsse_envelope=b.pop("dsseEnvelope")),
        "dsse_envelope: Extra inputs",
    ),
}


@pytest.mark.parametrize(("change", "reason"), TAMPERED.values(), ids=TAMPERED.keys())
def test_tampering_is_refused_with_its_reason(change: Callable[[dict[str, Any]], Any], reason: str) -> None:
    bundle = json.loads(BUNDLE)
    change(bundle)
    with pytest.raises(Refused, match=reason):
        VERIFIER.verify(json.dumps(bundle).encode(), [OURS])


def test_the_other_spelling_of_the_media_type_is_read() -> None:
    bundle = json.loads(BUNDLE) | {"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.3"}
    assert VERIFIER.verify(json.dumps(bundle).encode(), [OURS]).statement == STATEMENT


def test_a_signed_payload_that_is_no_statement_is_invalid() -> None:
    payload = b'{"_type": "https://example.test/other"}'
    signature = VAULT.sign("ours", 1, pre_authentication_encoding(PAYLOAD_TYPE, payload))
    hint = json.loads(BUNDLE)["verificationMaterial"]["publicKey"]["hint"]
    with pytest.raises(Invalid, match="is no in-toto statement"):
        VERIFIER.verify(write_key_bundle(payload, signature, hint), [OURS])


def test_a_bundle_of_endless_size_is_not_even_parsed() -> None:
    with pytest.raises(Invalid, match="more than the"):
        VERIFIER.verify(BUNDLE + b" " * MAX_BUNDLE, [OURS])


def accepted_only_unchanged(bundle: bytes) -> None:
    """Refuse it, or find the very same in it; nothing else may leave."""
    with contextlib.suppress(Refused):
        found = VERIFIER.verify(bundle, [OURS])
        assert found.statement == STATEMENT
        assert found.signer == VERIFIER.verify(BUNDLE, [OURS]).signer


def test_no_single_flipped_bit_is_accepted() -> None:
    for position in range(len(BUNDLE)):
        for bit in range(8):
            accepted_only_unchanged(flipped(BUNDLE, position, 1 << bit))


def test_no_edit_of_any_field_is_accepted() -> None:
    for edited in edits(json.loads(BUNDLE)):
        accepted_only_unchanged(json.dumps(edited).encode())


@settings(ANY_SPEED)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        VERIFIER.verify(content, [OURS, SOMEBODY])


@settings(ANY_SPEED)
@given(payload=st.binary(max_size=200), signature=st.binary(max_size=100), hint=st.text(max_size=60))
def test_arbitrary_content_in_a_well_formed_bundle_is_refused(payload: bytes, signature: bytes, hint: str) -> None:
    known = json.loads(BUNDLE)["verificationMaterial"]["publicKey"]["hint"]
    for named in (hint, known):
        with pytest.raises(Refused):
            VERIFIER.verify(write_key_bundle(payload, signature, named), [OURS])
