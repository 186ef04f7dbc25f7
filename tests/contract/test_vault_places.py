"""Where a real OpenBao is asked: namespaces, and mounts that are not what was thought."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.clients.vault import open_vault
from pratique.errors import Refused
from pratique.local.openbao import OpenBao
from pratique.settings import AppRoleLogin, TokenLogin, VaultSettings
from pratique.values.references import SecretReference
from tests.chains import all_that_it_says
from tests.services.openbao import write

PASSWORD = SecretReference.parse("vault:kv/data/login#password")


@pytest.fixture(autouse=True)
def _secret(openbao: OpenBao) -> None:
    openbao.put_secret("login", {"password": "s3cret"})


def read(settings: VaultSettings) -> str:
    with open_vault(settings) as vault:
        return vault.read(PASSWORD)


@pytest.fixture(scope="module")
def team(openbao: OpenBao, tmp_path_factory: pytest.TempPathFactory) -> VaultSettings:
    """A namespace with a login, policies and secrets of its own."""
    write(openbao, "sys/namespaces/team")
    write(openbao, "team/sys/mounts/kv", type="kv", options={"version": "2"})
    write(openbao, "team/kv/data/login", data={"password": "the team's"})
    write(openbao, "team/sys/policies/acl/reader", policy='path "kv/data/*" { capabilities = ["read"] }')
    write(openbao, "team/sys/auth/approle", type="approle")
    write(openbao, "team/auth/approle/role/pipeline", token_policies=["reader"], token_ttl="10m")
    file = tmp_path_factory.mktemp("team") / "secret-id"
    file.write_text(write(openbao, "team/auth/approle/role/pipeline/secret-id").data["secret_id"])
    with openbao.administration() as client:
        role_id = client.adapter.get("/v1/team/auth/approle/role/pipeline/role-id").data["role_id"]
    login = AppRoleLogin(role_id=role_id, secret_id_file=file)
    return VaultSettings(address=openbao.address, namespace="team", login=login)


def test_holds_secrets_of_its_own(openbao: OpenBao, team: VaultSettings) -> None:
    assert read(team) == "the team's"
    assert read(openbao.settings) == "s3cret"


def test_takes_a_wrapped_secret_id(openbao: OpenBao, team: VaultSettings, tmp_path: Path) -> None:
    with openbao.administration() as client:
        wrapped = client.adapter.post("/v1/team/auth/approle/role/pipeline/secret-id", wrap_ttl="5m")
    (tmp_path / "wrapped").write_text(wrapped.body["wrap_info"]["token"])
    login = team.login.model_copy(update={"secret_id_file": tmp_path / "wrapped", "wrapped": True})
    assert read(team.model_copy(update={"login": login})) == "the team's"


def test_that_is_not_there_is_refused(openbao: OpenBao) -> None:
    with pytest.raises(Refused, match=r"no such namespace: correct vault\.namespace"):
        read(openbao.settings.model_copy(update={"namespace": "nobody"}))


def test_a_denied_path_names_the_namespaces_policies(team: VaultSettings) -> None:
    with open_vault(team) as vault, pytest.raises(Refused, match=r"denies read on other/data/x: .*\(default, reader\)"):
        vault.read(SecretReference.parse("vault:other/data/x#password"))


@pytest.fixture(scope="module")
def _mounts(openbao: OpenBao) -> None:
    write(openbao, "sys/mounts/old", type="kv", options={"version": "1"})
    write(openbao, "old/hello", password="canary-value")
    write(openbao, "old/data/hello", password="canary-value")


@pytest.fixture
def root(openbao: OpenBao, tmp_path: Path) -> VaultSettings:
    made = write(openbao, "auth/token/create", policies=["root"], ttl="1m").body["auth"]
    (tmp_path / "token").write_text(made["client_token"])
    return VaultSettings(address=openbao.address, login=TokenLogin(token_file=tmp_path / "token"))


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("vault:old/data/hello#password", "what is mounted at old is KV version 1: name a KV version 2 mount"),
        ("vault:old/data/absent#password", "what is mounted at old is KV version 1: name a KV version 2 mount"),
        ("vault:transit/data/hello#password", "what is mounted at transit is of type transit: name a KV version 2 mount"),
        ("vault:nowhere/data/hello#password", "nothing is mounted at nowhere"),
        ("vault:kv/data/absent#password", "there is nothing at kv/data/absent"),
    ],
)
@pytest.mark.usefixtures("_mounts")
def test_a_wrong_mount_is_refused_by_what_it_is(root: VaultSettings, reference: str, says: str) -> None:
    with open_vault(root) as vault, pytest.raises(Refused, match=says) as caught:
        vault.read(SecretReference.parse(reference))
    assert "canary" not in all_that_it_says(caught.value)
