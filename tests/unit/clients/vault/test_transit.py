"""What is asked of the transit engine, and answers of it that are not used."""

from __future__ import annotations

import base64
import hashlib

import pytest

from pratique.clients.vault import open_vault
from pratique.errors import Refused, Transient
from pratique.settings import VaultSettings
from tests.fakes.vault_wire import Scripted, VaultWire, errors

SIGN, KEY = "keys-of-evidence/sign/pratique/sha2-256", "keys-of-evidence/keys/pratique"


def signature(text: str) -> Scripted:
    return Scripted(200, {"data": {"signature": text}})


def key(*, newest: int, oldest: int = 0, kind: str = "ecdsa-p256") -> Scripted:
    versions = {str(version): {"public_key": f"PEM {version}"} for version in range(1, newest + 1)}
    return Scripted(200, {"data": {"type": kind, "latest_version": newest, "min_encryption_version": oldest, "keys": versions}})


def sign(settings: VaultSettings, version: int = 2) -> bytes:
    with open_vault(settings, transit_mount="keys-of-evidence") as vault:
        return vault.sign("pratique", version, b"a statement")


def test_the_hash_in_the_path_and_the_pinned_version_are_asked_for(wire: VaultWire, settings: VaultSettings) -> None:
    wire.on(SIGN, signature("vault:v2:" + base64.b64encode(b"der").decode()))
    assert sign(settings) == b"der"
    [request] = [request for request in wire.requests if request.path == SIGN]
    assert request.body == {
        "input": base64.b64encode(hashlib.sha256(b"a statement").digest()).decode(),
        "prehashed": True,
        "marshaling_algorithm": "asn1",
        "key_version": 2,
    }


@pytest.mark.parametrize("text", ["vault:v3:ZGVy", "vault:v22:ZGVy", "ZGVy", "", "other:v2:ZGVy"])
def test_a_signature_by_another_version_is_not_used(wire: VaultWire, settings: VaultSettings, text: str) -> None:
    wire.on(SIGN, signature(text))
    with pytest.raises(Refused, match="another version of the key than 2"):
        sign(settings)


def test_an_answer_that_is_no_signature_is_not_used(wire: VaultWire, settings: VaultSettings) -> None:
    wire.on(SIGN, signature("vault:v2:%%%"))
    with pytest.raises(Refused, match="no signature"):
        sign(settings)


def test_an_error_for_a_version_that_may_sign_is_trouble(wire: VaultWire, settings: VaultSettings) -> None:
    wire.on(SIGN, errors(500, "storage is slow"))
    wire.on(KEY, key(newest=2, oldest=2))
    with pytest.raises(Transient, match="storage is slow"):
        sign(settings)


@pytest.mark.parametrize(("version", "may"), [(1, "2 to 3"), (4, "2 to 3")])
def test_an_error_for_a_version_that_may_not_is_a_no(wire: VaultWire, settings: VaultSettings, version: int, may: str) -> None:
    wire.on(SIGN, errors(500, "requested version for signing is …"))
    wire.on(KEY, key(newest=3, oldest=2))
    with pytest.raises(Refused, match=f"version {version} may not sign, versions {may} may"):
        sign(settings, version)


@pytest.mark.parametrize("kind", ["ed25519", "rsa-2048", "ecdsa-p384", "aes256-gcm96"])
def test_a_key_of_another_type_is_refused(wire: VaultWire, settings: VaultSettings, kind: str) -> None:
    wire.on(KEY, key(newest=1, kind=kind))
    with open_vault(settings, transit_mount="keys-of-evidence") as vault, pytest.raises(Refused, match=f"of type {kind}"):
        vault.public_key("pratique")
