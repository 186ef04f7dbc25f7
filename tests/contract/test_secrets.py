"""What every `Secrets` keeps: the fake and the real OpenBao alike."""

from __future__ import annotations

import pytest

from pratique.errors import Refused, Transient
from pratique.values.references import SecretReference
from tests.fakes.vault import FakeVault
from tests.services.openbao import ArrangedOpenBao

CANARY = "canary-Qm3zT7"


@pytest.fixture(params=["fake", "openbao"])
def world(request: pytest.FixtureRequest) -> FakeVault | ArrangedOpenBao:
    return FakeVault() if request.param == "fake" else request.getfixturevalue("arranged_openbao")


def reference(text: str) -> SecretReference:
    return SecretReference.parse(f"vault:kv/data/{text}")


def test_without_a_version_the_newest_is_read(world: FakeVault) -> None:
    world.put_secret("newest", {"password": "first"})
    world.put_secret("newest", {"password": "second"})
    assert world.vault.read(reference("newest#password")) == "second"


def test_a_pinned_version_is_read_whatever_came_after(world: FakeVault) -> None:
    pinned = world.put_secret("pinned", {"password": "first"})
    world.put_secret("pinned", {"password": "second"})
    assert world.vault.read(reference(f"pinned#password@{pinned}")) == "first"


@pytest.mark.parametrize("value", ["", " spaces ", "line\nbreaks\n", "ünïcödé 🔑", '{"json": "text"}', "x" * 100_000])
def test_a_value_comes_back_exactly(world: FakeVault, value: str) -> None:
    world.put_secret("exact/below/folders", {"value": value})
    assert world.vault.read(reference("exact/below/folders#value")) == value


def test_many_are_read_under_the_names_asked_for(world: FakeVault) -> None:
    world.put_secret("database", {"user": "hello", "password": "s3cret"})
    world.put_secret("api", {"token": "t0ken"})
    asked = {"DB_USER": reference("database#user"), "DB_PASSWORD": reference("database#password"), "T": reference("api#token")}
    assert world.vault.read_all(asked) == {"DB_USER": "hello", "DB_PASSWORD": "s3cret", "T": "t0ken"}


def test_a_missing_path_is_refused_by_name(world: FakeVault) -> None:
    with pytest.raises(Refused, match="nothing at kv/data/absent"):
        world.vault.read(reference("absent#password"))


def test_a_missing_version_is_refused(world: FakeVault) -> None:
    world.put_secret("versions", {"password": CANARY})
    with pytest.raises(Refused, match="kv/data/versions in version 9"):
        world.vault.read(reference("versions#password@9"))


def test_a_deleted_version_is_refused_and_the_newer_one_is_not(world: FakeVault) -> None:
    deleted = world.put_secret("deleted", {"password": CANARY})
    world.put_secret("deleted", {"password": "kept"})
    world.delete_version("deleted", deleted)
    with pytest.raises(Refused, match=f"version {deleted} was deleted") as caught:
        world.vault.read(reference(f"deleted#password@{deleted}"))
    assert CANARY not in str(caught.value)
    assert world.vault.read(reference("deleted#password")) == "kept"


def test_a_destroyed_version_is_refused(world: FakeVault) -> None:
    destroyed = world.put_secret("destroyed", {"password": CANARY})
    world.destroy_version("destroyed", destroyed)
    with pytest.raises(Refused, match=f"version {destroyed} was destroyed"):
        world.vault.read(reference(f"destroyed#password@{destroyed}"))


def test_a_missing_key_is_refused_naming_the_keys_but_no_value(world: FakeVault) -> None:
    world.put_secret("keys", {"user": CANARY, "pass": CANARY})
    with pytest.raises(Refused, match="no key 'password' at kv/data/keys; its keys: pass, user") as caught:
        world.vault.read(reference("keys#password"))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("value", [7, 7.5, True, None, ["a"], {"a": "b"}])
def test_a_value_that_is_no_text_is_refused(world: FakeVault, value: object) -> None:
    world.put_secret("types", {"value": value})
    with pytest.raises(Refused, match="the value is no text"):
        world.vault.read(reference("types#value"))


def test_a_denied_path_is_refused_naming_path_and_capability(world: FakeVault) -> None:
    world.put_secret("denied", {"password": CANARY})
    world.deny("denied")
    with pytest.raises(Refused, match=r"denies read on kv/data/denied: .*policies \(.+\) grant nothing there"):
        world.vault.read(reference("denied#password"))


def test_many_are_refused_with_every_reason_at_once(world: FakeVault) -> None:
    world.put_secret("some", {"user": "hello"})
    asked = {"A": reference("some#user"), "B": reference("some#password"), "C": reference("absent#password")}
    with pytest.raises(Refused) as caught:
        world.vault.read_all(asked)
    assert len(caught.value.reasons) == 2
    assert "no key 'password'" in caught.value.reasons[0]
    assert "kv/data/absent" in caught.value.reasons[1]


def test_while_it_is_sealed_asking_again_may_help_and_afterwards_does(world: FakeVault) -> None:
    world.put_secret("sealed", {"password": "s3cret"})
    assert world.vault.read(reference("sealed#password")) == "s3cret"
    world.seal()
    with pytest.raises(Transient, match="sealed"):
        world.vault.read(reference("sealed#password"))
    world.unseal()
    assert world.vault.read(reference("sealed#password")) == "s3cret"
