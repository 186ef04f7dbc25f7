"""How many requests reading takes, and that nothing else than the reference's place is asked."""

from __future__ import annotations

import pytest

from pratique.clients.vault import open_vault
from pratique.errors import Transient
from pratique.settings import VaultSettings
from pratique.values.references import SecretReference
from tests.fakes.vault_wire import Scripted, VaultWire, errors


def references(**texts: str) -> dict[str, SecretReference]:
    return {name: SecretReference.parse(f"vault:kv/data/{text}") for name, text in texts.items()}


def found(**pairs: str) -> Scripted:
    return Scripted(200, {"data": {"data": pairs, "metadata": {"version": 1}}})


def test_keys_of_one_path_are_read_together_so_that_they_belong_together(wire: VaultWire, settings: VaultSettings) -> None:
    wire.on("kv/data/database", found(user="old", password="old"), found(user="new", password="new"))
    with open_vault(settings) as vault:
        values = vault.read_all(references(USER="database#user", PASSWORD="database#password"))
    assert values == {"USER": "old", "PASSWORD": "old"}
    assert wire.paths().count("kv/data/database") == 1


def test_another_version_of_a_path_is_another_read(wire: VaultWire, settings: VaultSettings) -> None:
    wire.on("kv/data/database", found(password="third"), found(password="newest"))
    with open_vault(settings) as vault:
        values = vault.read_all(references(OLD="database#password@3", NEW="database#password"))
    assert values == {"OLD": "third", "NEW": "newest"}


def test_trouble_is_not_taken_for_a_refusal(wire: VaultWire, settings: VaultSettings) -> None:
    wire.on("kv/data/database", found(password="s3cret"))
    wire.on("kv/data/api", errors(503, "Vault is sealed"))
    with open_vault(settings) as vault, pytest.raises(Transient, match="sealed"):
        vault.read_all(references(A="absent#password", B="api#token", C="database#password"))
