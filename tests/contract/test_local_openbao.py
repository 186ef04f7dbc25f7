"""The local stack's OpenBao, from nothing: what it sets up, what it keeps, and that twice is as once."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique.clients.vault import open_vault
from pratique.errors import Refused
from pratique.local.openbao import NAME, OpenBao, start_openbao
from pratique.local.process import Processes, free_port
from pratique.values.references import SecretReference

PASSWORD = SecretReference.parse("vault:kv/data/hello#password")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path / "processes")
    yield processes
    processes.stop(NAME)


def start(processes: Processes, tmp_path: Path) -> OpenBao:
    return start_openbao(processes, tmp_path / "openbao", free_port())


def read(openbao: OpenBao) -> str:
    with open_vault(openbao.settings) as vault:
        return vault.read(PASSWORD)


def test_started_twice_it_is_the_same_and_restarted_it_keeps_everything(processes: Processes, tmp_path: Path) -> None:
    first = start(processes, tmp_path)
    first.put_secret("hello", {"password": "s3cret"})
    secret_id = first.secret_id_file.read_text()
    with open_vault(first.settings) as vault:
        key = vault.public_key("pratique")

    assert start(processes, tmp_path) == first
    assert processes.stop(NAME)
    again = start(processes, tmp_path)

    assert read(again) == "s3cret"
    assert (again.role_id, again.secret_id_file.read_text()) == (first.role_id, secret_id)
    with open_vault(again.settings) as vault:
        assert vault.public_key("pratique") == key


def test_a_lost_secret_id_is_issued_again(processes: Processes, tmp_path: Path) -> None:
    openbao = start(processes, tmp_path)
    openbao.put_secret("hello", {"password": "s3cret"})
    openbao.secret_id_file.write_text("no longer valid")
    start(processes, tmp_path)
    assert read(openbao) == "s3cret"
    openbao.secret_id_file.unlink()
    start(processes, tmp_path)
    assert read(openbao) == "s3cret"


def test_without_its_keys_it_is_refused_with_the_remedy(processes: Processes, tmp_path: Path) -> None:
    start(processes, tmp_path)
    (tmp_path / "openbao" / "keys.json").unlink()
    with pytest.raises(Refused, match=r"its keys are not in .*: remove the folder"):
        start(processes, tmp_path)


def test_variables_of_the_users_shell_do_not_move_it(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"BAO_RAFT_PATH": "/nowhere", "BAO_ADDR": "http://127.0.0.1:1", "BAO_TOKEN": "x"}.items():
        monkeypatch.setenv(name, value)
    assert start(processes, tmp_path).put_secret("hello", {"password": "s3cret"}) == 1
    assert (tmp_path / "openbao" / "data" / "vault.db").exists()


def test_its_folder_is_its_owners_only(openbao: OpenBao) -> None:
    files = [openbao.folder, *openbao.folder.rglob("*")]
    assert {file.name for file in files} >= {"keys.json", "secret-id", "role-id", "audit.log", "config.json", "data"}
    assert [file for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077] == []


def test_every_request_is_in_its_audit_log_without_the_values(openbao: OpenBao) -> None:
    openbao.put_secret("hello", {"password": "canary-audited"})
    assert read(openbao) == "canary-audited"
    log = (openbao.folder / "audit.log").read_text()
    paths = [json.loads(line)["request"].get("path") for line in log.splitlines()]
    assert "kv/data/hello" in paths
    assert "canary-audited" not in log


def test_it_does_not_print_the_keys(openbao: OpenBao) -> None:
    keys = json.loads((openbao.folder / "keys.json").read_text())
    assert not [key for key in keys.values() if key in repr(openbao) + str(openbao)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "kv/data/hello"),
        ("delete", "kv/data/hello"),
        ("list", "kv/metadata/"),
        ("get", "kv/metadata/hello"),
        ("post", "transit/keys/pratique/rotate"),
        ("post", "transit/keys/pratique/config"),
        ("get", "transit/export/signing-key/pratique"),
        ("post", "transit/sign/pratique"),
        ("post", "transit/keys/other"),
        ("get", "identity/oidc/token/other"),
        ("post", "auth/approle/role/pipeline/secret-id"),
        ("post", "auth/token/create"),
        ("get", "sys/policies/acl/pratique-secrets"),
        ("get", "sys/audit"),
    ],
)
def test_the_pipeline_may_do_no_more_than_it_needs(openbao: OpenBao, method: str, path: str) -> None:
    with open_vault(openbao.settings) as vault, pytest.raises(Refused, match=f"denies {method} on {path}"):
        vault._session.ask(method, path, lambda client: client.adapter.request(method, f"/v1/{path}", json={}))


def test_its_signing_key_is_not_to_be_had(openbao: OpenBao) -> None:
    with openbao.administration() as client:
        exported = client.adapter.get("/v1/transit/export/signing-key/pratique")
        key = client.adapter.get("/v1/transit/keys/pratique").data
    assert (exported.ok, key["exportable"], key["allow_plaintext_backup"]) == (False, False, False)
