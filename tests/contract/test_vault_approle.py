"""Logging in to a real OpenBao by AppRole, the secret id as it is or response-wrapped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.vault import open_vault
from pratique.clients.vault.wrapping import forget_secret_ids
from pratique.errors import Invalid, Refused
from pratique.local.openbao import OpenBao
from pratique.settings import AppRoleLogin, VaultSettings
from pratique.values.references import SecretReference
from tests.chains import all_that_it_says
from tests.services.openbao import write

PASSWORD = SecretReference.parse("vault:kv/data/login#password")


@pytest.fixture(autouse=True)
def _secret(openbao: OpenBao) -> None:
    openbao.put_secret("login", {"password": "s3cret"})
    forget_secret_ids()


def read(settings: VaultSettings) -> str:
    with open_vault(settings) as vault:
        return vault.read(PASSWORD)


def approle(openbao: OpenBao, file: Path, **changes: Any) -> VaultSettings:
    login = AppRoleLogin(role_id=openbao.role_id, secret_id_file=file).model_copy(update=changes)
    return VaultSettings(address=openbao.address, login=login)


def wrap_secret_id(openbao: OpenBao, file: Path) -> None:
    with openbao.administration() as client:
        answer = client.adapter.post("/v1/auth/approle/role/pipeline/secret-id", wrap_ttl="5m")
    file.write_text(answer.body["wrap_info"]["token"])


def test_logs_in(openbao: OpenBao) -> None:
    assert read(openbao.settings) == "s3cret"


@pytest.mark.parametrize("wrong", ["role_id", "secret_id"])
def test_a_wrong_credential_is_refused_and_not_quoted(openbao: OpenBao, tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "secret-id"
    canary = "canary-secret-id" if wrong == "secret_id" else openbao.secret_id_file.read_text()
    file.write_text(canary)
    changes = {"role_id": "nobody"} if wrong == "role_id" else {}
    with pytest.raises(Refused, match=r"role_id is wrong, or the secret id of .* is wrong, expired or used up") as caught:
        read(approle(openbao, file, **changes))
    assert canary not in all_that_it_says(caught.value)


def test_a_mount_that_is_not_there_is_refused_by_name(openbao: OpenBao) -> None:
    with pytest.raises(Refused, match="denies the login at auth/nowhere: that auth method must be enabled"):
        read(approle(openbao, openbao.secret_id_file, mount="nowhere"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"two words", "exactly one"),
        (b"\xff\x00", "exactly"),
    ],
)
def test_a_file_without_a_credential_is_invalid(openbao: OpenBao, tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "secret-id"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Invalid, match=problem) as caught:
        read(approle(openbao, file))
    assert caught.value.place == str(file)


def test_is_unwrapped_once_and_serves_every_session_of_the_process(openbao: OpenBao, tmp_path: Path) -> None:
    file = tmp_path / "wrapped"
    wrap_secret_id(openbao, file)
    settings = approle(openbao, file, wrapped=True)
    assert read(settings) == "s3cret"
    assert read(settings) == "s3cret"


def test_that_another_process_has_unwrapped_is_refused_as_maybe_intercepted(openbao: OpenBao, tmp_path: Path) -> None:
    file = tmp_path / "wrapped"
    wrap_secret_id(openbao, file)
    token = file.read_text()
    settings = approle(openbao, file, wrapped=True)
    assert read(settings) == "s3cret"
    forget_secret_ids()
    with pytest.raises(Refused, match=r"was used already, or has expired: .* take the secret id for intercepted") as caught:
        read(settings)
    assert token not in all_that_it_says(caught.value)


def test_exchanged_for_something_else_that_was_wrapped_is_refused_unopened(openbao: OpenBao, tmp_path: Path) -> None:
    with openbao.administration() as client:
        planted = client.adapter.post("/v1/sys/wrapping/wrap", json={"secret_id": "planted"}, wrap_ttl="5m")
        (tmp_path / "wrapped").write_text(planted.body["wrap_info"]["token"])
        with pytest.raises(Refused, match="not created by auth/approle but by sys/wrapping/wrap"):
            read(approle(openbao, tmp_path / "wrapped", wrapped=True))
        assert client.sys.unwrap(planted.body["wrap_info"]["token"]).data == {"secret_id": "planted"}


def test_a_fresh_wrapping_token_in_the_file_is_noticed(openbao: OpenBao, tmp_path: Path) -> None:
    file = tmp_path / "wrapped"
    for _ in range(2):
        wrap_secret_id(openbao, file)
        assert read(approle(openbao, file, wrapped=True)) == "s3cret"


def test_no_token_is_taken_from_the_environment_or_the_home_folder(
    openbao: OpenBao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write(openbao, "auth/token/create", policies=["root"], ttl="1m").body["auth"]
    monkeypatch.setenv("VAULT_TOKEN", made["client_token"])
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    (tmp_path / ".vault-token").write_text(made["client_token"])
    with pytest.raises(Refused, match="refused the login"):
        read(approle(openbao, openbao.secret_id_file, role_id="nobody"))
