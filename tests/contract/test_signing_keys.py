"""What every `SigningKeys` keeps: the fake and the real OpenBao alike."""

from __future__ import annotations

import uuid

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pratique.errors import Refused, Transient
from tests.fakes.vault import FakeVault
from tests.services.openbao import ArrangedOpenBao


@pytest.fixture(params=["fake", "openbao"])
def world(request: pytest.FixtureRequest) -> FakeVault | ArrangedOpenBao:
    return FakeVault() if request.param == "fake" else request.getfixturevalue("arranged_openbao")


@pytest.fixture
def key(world: FakeVault) -> str:
    name = f"release-{uuid.uuid4().hex[:8]}"
    world.create_key(name)
    return name


def require_valid(pem: str, signature: bytes, message: bytes) -> None:
    public = load_pem_public_key(pem.encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert isinstance(public.curve, ec.SECP256R1)
    public.verify(signature, message, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("message", [b"", b"a statement", bytes(range(256)) * 5000])
def test_a_signature_verifies_under_the_public_key(world: FakeVault, key: str, message: bytes) -> None:
    version, pem = world.vault.public_key(key)
    require_valid(pem, world.vault.sign(key, version, message), message)


def test_a_signature_is_worth_nothing_for_another_message(world: FakeVault, key: str) -> None:
    version, pem = world.vault.public_key(key)
    with pytest.raises(InvalidSignature):
        require_valid(pem, world.vault.sign(key, version, b"a statement"), b"another statement")


def test_after_a_rotation_the_newest_version_is_told_and_a_pinned_one_still_signs(world: FakeVault, key: str) -> None:
    first, first_pem = world.vault.public_key(key)
    world.rotate_key(key)
    second, second_pem = world.vault.public_key(key)
    assert (first, second) == (1, 2)
    assert first_pem != second_pem
    assert world.vault.public_key(key, 1) == (1, first_pem)
    require_valid(first_pem, world.vault.sign(key, 1, b"a statement"), b"a statement")
    require_valid(second_pem, world.vault.sign(key, 2, b"a statement"), b"a statement")
    with pytest.raises(InvalidSignature):
        require_valid(first_pem, world.vault.sign(key, 2, b"a statement"), b"a statement")


def test_a_version_that_is_not_there_yet_is_refused(world: FakeVault, key: str) -> None:
    with pytest.raises(Refused, match=f"{key}: there is no version 2"):
        world.vault.public_key(key, 2)
    with pytest.raises(Refused, match=f"{key}: version 2 may not sign, versions 1 to 1 may"):
        world.vault.sign(key, 2, b"a statement")


def test_a_retired_version_is_refused(world: FakeVault, key: str) -> None:
    world.rotate_key(key)
    world.retire_versions_before(key, 2)
    with pytest.raises(Refused, match=f"{key}: version 1 may not sign, versions 2 to 2 may"):
        world.vault.sign(key, 1, b"a statement")


def test_a_missing_key_is_refused_by_name(world: FakeVault) -> None:
    with pytest.raises(Refused, match="transit/keys/release-absent: there is no such key"):
        world.vault.public_key("release-absent")
    with pytest.raises(Refused, match="transit/keys/release-absent: there is no such key"):
        world.vault.sign("release-absent", 1, b"a statement")


def test_while_it_is_sealed_asking_again_may_help(world: FakeVault, key: str) -> None:
    world.seal()
    with pytest.raises(Transient, match="sealed"):
        world.vault.sign(key, 1, b"a statement")
    with pytest.raises(Transient, match="sealed"):
        world.vault.public_key(key)
    world.unseal()
    assert world.vault.sign(key, 1, b"a statement")
