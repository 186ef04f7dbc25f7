"""What each answer of Vault means, and that none of it tells a secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from pratique.clients.vault import Vault, open_vault
from pratique.errors import Invalid, Refused, Transient
from pratique.settings import AppRoleLogin, JwtLogin, TokenLogin, VaultSettings
from pratique.values.references import SecretReference
from tests.chains import all_that_it_says
from tests.fakes.vault_wire import LOGIN, Scripted, VaultWire, errors, token

CASES = json.loads(Path("tests/cases/vault_answers.json").read_text())
KINDS = {"Refused": Refused, "Transient": Transient}
PASSWORD = SecretReference.parse("vault:kv/data/hello#password")


def read(settings: VaultSettings) -> str:
    with open_vault(settings) as vault:
        return vault.read(PASSWORD)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_an_answer_means(wire: VaultWire, settings: VaultSettings, case: dict[str, Any]) -> None:
    body = case.get("body")
    content = body.encode() if isinstance(body, str) else body
    wire.on("kv/data/hello", Scripted(case["status"], content, case.get("headers", {})))
    with pytest.raises(KINDS[case["kind"]]) as caught:
        read(settings)
    assert case["says"] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (requests.ConnectTimeout("canary"), Transient, "did not answer in time"),
        (requests.ReadTimeout("canary"), Transient, "did not answer in time"),
        (requests.ConnectionError("canary"), Transient, "cannot be reached"),
        (requests.exceptions.ChunkedEncodingError("canary"), Transient, "the connection broke"),
        (requests.exceptions.ProxyError("canary"), Transient, "cannot be reached"),
        (requests.exceptions.SSLError("canary"), Refused, "set vault.ca_bundle"),
        (requests.exceptions.ContentDecodingError("canary"), Transient, "ContentDecodingError"),
        (OSError("canary"), Transient, "OSError"),
    ],
)
def test_no_answer_means(wire: VaultWire, settings: VaultSettings, error: Exception, kind: type[Exception], says: str) -> None:
    wire.on("kv/data/hello", error)
    with pytest.raises(kind, match=says) as caught:
        read(settings)
    assert "canary" not in all_that_it_says(caught.value)


@pytest.mark.parametrize("address", ["vault.test:8200", "ftp://vault.test", "http://", "http://[bad", "nonsense"])
def test_an_address_that_is_none_is_invalid(settings: VaultSettings, address: str) -> None:
    with pytest.raises(Invalid, match=r"vault\.address"):
        read(settings.model_copy(update={"address": address}))


def test_a_ca_bundle_that_is_not_there_is_invalid(settings: VaultSettings, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"vault\.ca_bundle: there is no file"):
        read(settings.model_copy(update={"ca_bundle": tmp_path / "absent.pem"}))


def test_a_denial_names_path_capability_and_the_policies_that_lack_it(wire: VaultWire, settings: VaultSettings) -> None:
    wire.on("kv/data/hello", errors(403, "permission denied"))
    wire.on("auth/token/lookup-self", Scripted(200, {"data": {"policies": ["default", "a"], "identity_policies": ["team"]}}))
    wire.on("sys/capabilities-self", Scripted(200, {"data": {"kv/data/hello": ["list"]}}))
    with pytest.raises(Refused) as caught:
        read(settings)
    assert str(caught.value) == (
        "Vault at http://vault.test:8200 denies read on kv/data/hello: the token's policies (a, default, team) "
        'grant list there; add `path "kv/data/hello" { capabilities = ["read"] }` to one of them, unless the path is wrong'
    )


def test_a_denial_of_a_token_that_may_not_look_at_itself_names_the_policies_of_its_login(
    wire: VaultWire, settings: VaultSettings
) -> None:
    wire.on(LOGIN, token("first"), token("second"))
    wire.on("kv/data/hello", errors(403, "permission denied"))
    wire.on("auth/token/lookup-self", errors(403, "permission denied"))
    wire.on("sys/capabilities-self", errors(403, "permission denied"))
    with pytest.raises(Refused, match=r"policies \(default, scripted\) grant nothing there"):
        read(settings)


ECHOES = [400, 403, 404, 405, 429, 500, 502, 503]
CANARIES = {"canary-token", "canary-secret-id", "canary-jwt"}


def asked_of(vault: Vault) -> list[Callable[[], object]]:
    return [
        lambda: vault.read(PASSWORD),
        lambda: vault.read_all({"A": PASSWORD}),
        lambda: vault.public_key("pratique"),
        lambda: vault.sign("pratique", 1, b"a statement"),
        lambda: vault.identity_token("sigstore"),
    ]


@pytest.mark.parametrize("status", ECHOES)
@pytest.mark.parametrize("method", ["approle", "wrapped", "jwt", "token"])
@pytest.mark.parametrize("where", ["at the login", "afterwards"])
def test_a_vault_that_quotes_credentials_is_not_quoted(
    wire: VaultWire, settings: VaultSettings, tmp_path: Path, *, status: int, method: str, where: str
) -> None:
    quoting = errors(status, "no such thing as canary-token", "canary-secret-id", "canary-jwt")
    files = {"token": "canary-token", "jwt": "canary-jwt", "wrapped": "canary-token"}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    login = {
        "approle": settings.login,
        "wrapped": AppRoleLogin(role_id="role", secret_id_file=tmp_path / "wrapped", wrapped=True),
        "jwt": JwtLogin(role="role", jwt_file=tmp_path / "jwt", mount="approle"),
        "token": TokenLogin(token_file=tmp_path / "token"),
    }[method]
    wire.on("sys/wrapping/lookup", Scripted(200, {"data": {"creation_path": "auth/approle/role/pipeline/secret-id"}}))
    wire.on("sys/wrapping/unwrap", Scripted(200, {"data": {"secret_id": "canary-secret-id"}}))
    for path in ("kv/data/hello", "transit/keys/pratique", "transit/sign/pratique/sha2-256", "identity/oidc/token/sigstore"):
        wire.on(path, quoting)
    if where == "at the login":
        for path in (LOGIN, "sys/wrapping/lookup", "auth/token/lookup-self"):
            wire.on(path, quoting)
    with open_vault(settings.model_copy(update={"login": login})) as vault:
        for ask in asked_of(vault):
            with pytest.raises((Refused, Transient)) as caught:
                ask()
            sent = {
                text for request in wire.requests for text in (request.headers.get("X-Vault-Token"), *_values(request.body))
            }
            said = all_that_it_says(caught.value)
            assert not [canary for canary in CANARIES & sent if canary in said], said


def _values(body: object) -> list[object]:
    return [value for value in body.values() if isinstance(value, str)] if isinstance(body, dict) else []


def test_nothing_of_a_session_prints_a_secret(wire: VaultWire, settings: VaultSettings) -> None:
    wire.on("kv/data/hello", Scripted(200, {"data": {"data": {"password": "canary-value"}, "metadata": {"version": 1}}}))
    with open_vault(settings) as vault:
        assert vault.read(PASSWORD) == "canary-value"
        session = vault._session
        printed = "\n".join([repr(vault), repr(session), repr(session._token), str(session._token), repr(settings)])
    answer = session._connection.client("canary-token").adapter.get("/v1/kv/data/hello")
    assert answer.data["data"]["password"] == "canary-value"
    assert "canary-" not in printed + repr(answer) + str(answer)
