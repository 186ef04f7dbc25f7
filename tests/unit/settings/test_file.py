"""Settings from one file above another: what is merged, and what is no file of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.errors import Invalid
from pratique.settings import load_settings
from pratique.settings.file import LARGEST, read_content, read_settings

GENERATED = """
[vault]
address = "http://127.0.0.1:8200"
[vault.login]
method = "token"
token_file = "token"
[environments.dev]
repository = "dev/{repository}"
[environments.prod]
previewed = false
"""
OWN = """
extends = "generated.toml"
[environments.prod]
repository = "prod/{repository}"
[environments.qa]
[services.hello]
repository = "https://git.example.com/hello.git"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own file above a generated one, which are the settings."""
    (tmp_path / "generated.toml").write_text(GENERATED)
    own = tmp_path / "pratique.toml"
    own.write_text(OWN)
    monkeypatch.setenv("PRATIQUE_CONFIG", str(own))
    return own


def test_tables_are_merged_and_other_values_take_the_others_place(file: Path) -> None:
    places = read_settings(file)["environments"]
    assert places == {
        "dev": {"repository": "dev/{repository}"},
        "prod": {"previewed": False, "repository": "prod/{repository}"},
        "qa": {},
    }
    file.write_text('extends = "generated.toml"\n[vault]\naddress = "https://vault.test"\nlogin = {method = "jwt"}\n')
    assert read_settings(file)["vault"] == {
        "address": "https://vault.test",
        "login": {"method": "jwt", "token_file": "token"},
    }


def test_both_are_settings_and_a_change_of_either_is_seen(file: Path) -> None:
    assert list(load_settings().environments) == ["dev", "prod", "qa"]
    assert list(load_settings().services) == ["hello"]
    (file.parent / "generated.toml").write_text(GENERATED.replace("8200", "8201"))
    assert load_settings().vault.address.endswith(":8201")
    file.write_text(OWN.replace("services.hello", "services.other"))
    assert list(load_settings().services) == ["other"]


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    assert (read_settings(tmp_path / "none.toml"), read_content(tmp_path / "none.toml")) == ({}, ())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = [", "is not TOML: .*at end of document"),
        (b"[people.ada]\nemails = ada@example.com\n", r"is not TOML: .*line 2"),
        (b"a = 1\na = 2\n", r"is not TOML: Cannot overwrite a value \(at line 2"),
        (b"a = '\xff'", "is not TOML: 'utf-8' codec"),
        (b"#" * (LARGEST + 1), f"is larger than {LARGEST} bytes"),
        (b'extends = "elsewhere.toml"', "extends: names 'elsewhere.toml', which is no file"),
        (b'extends = "."', "extends: names '.', which is no file"),
        (b"extends = 1", "extends: names 1, which is no file"),
        (b'extends = "pratique.toml"', "extends: is in a file that another one extends"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
def test_what_is_no_file_of_settings_is_named(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    with pytest.raises(Invalid, match=said) as refusal:
        load_settings()
    assert str(file) in refusal.value.place


def test_one_that_is_extended_is_looked_at_as_well(file: Path) -> None:
    (file.parent / "generated.toml").write_text("a = [")
    with pytest.raises(Invalid, match="is not TOML") as refusal:
        load_settings()
    assert refusal.value.place.endswith("generated.toml")
