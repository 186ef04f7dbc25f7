from __future__ import annotations

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from pratique.clients.sigstore import KeyEvidenceSigner
from pratique.decisions.provenance import signature_statement
from pratique.errors import Invalid, Refused, Transient
from pratique.values.digest import digest_of
from tests.fakes.vault import FakeVault

STATEMENT = signature_statement("hello/images/web", digest_of(b"web"))


@pytest.fixture
def vault() -> FakeVault:
    vault = FakeVault()
    vault.create_key("pratique")
    return vault


def test_the_bundle_is_laid_out_as_cosign_lays_it_out(vault: FakeVault) -> None:
    bundle = json.loads(KeyEvidenceSigner(vault, "pratique").sign(STATEMENT))
    _, pem = vault.public_key("pratique")
    der = load_pem_public_key(pem.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = bundle["dsseEnvelope"]["signatures"][0]["sig"]
    assert bundle == {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": base64.b64encode(hashlib.sha256(der).digest()).decode()},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(STATEMENT.payload()).decode(),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": signature}],
        },
    }


def test_after_a_rotation_the_newest_version_signs(vault: FakeVault) -> None:
    signer = KeyEvidenceSigner(vault, "pratique")
    before = json.loads(signer.sign(STATEMENT))
    vault.rotate_key("pratique")
    after = json.loads(signer.sign(STATEMENT))
    assert before["verificationMaterial"] != after["verificationMaterial"]


class _RotatedInBetween(FakeVault):
    def sign(self, name: str, version: int, message: bytes) -> bytes:
        return super().sign(name, version + 1, message)


def test_a_signature_that_does_not_verify_is_never_handed_out() -> None:
    vault = _RotatedInBetween()
    vault.create_key("pratique")
    vault.rotate_key("pratique")
    vault.public_key = lambda name, version=None: FakeVault.public_key(vault, name, 1)  # type: ignore[method-assign]
    with pytest.raises(Refused, match="signing key pratique, version 1: what it signed does not verify"):
        KeyEvidenceSigner(vault, "pratique").sign(STATEMENT)


class _OtherKey(FakeVault):
    pem = ""

    def public_key(self, name: str, version: int | None = None) -> tuple[int, str]:
        return 1, self.pem


@pytest.mark.parametrize("pem", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_key_that_cannot_be_read_is_invalid(pem: str) -> None:
    vault = _OtherKey()
    vault.pem = pem
    with pytest.raises(Invalid, match="signing key pratique, version 1"):
        KeyEvidenceSigner(vault, "pratique").sign(STATEMENT)


def test_a_key_of_another_kind_is_invalid() -> None:
    vault = _OtherKey()
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    vault.pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(Invalid, match="create it as `ecdsa-p256`"):
        KeyEvidenceSigner(vault, "pratique").sign(STATEMENT)


def test_a_sealed_vault_is_asked_again_by_whoever_called(vault: FakeVault) -> None:
    vault.seal()
    with pytest.raises(Transient):
        KeyEvidenceSigner(vault, "pratique").sign(STATEMENT)


def test_a_missing_key_is_refused() -> None:
    with pytest.raises(Refused, match="there is no such key"):
        KeyEvidenceSigner(FakeVault(), "pratique").sign(STATEMENT)
