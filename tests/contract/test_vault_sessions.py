"""The life of a session with a real OpenBao: tokens obtained, kept alive, replaced, revoked."""

from __future__ import annotations

import logging
from pathlib import Path

import jwt
import pytest

from pratique.clients.vault import open_vault
from pratique.clients.vault.session import Session
from pratique.errors import Refused, Transient
from pratique.local.openbao import OpenBao
from pratique.local.process import free_port
from pratique.settings import TokenLogin, VaultSettings
from pratique.values.references import SecretReference
from tests.services.openbao import write

PASSWORD = SecretReference.parse("vault:kv/data/session#password")


@pytest.fixture(autouse=True)
def _secret(openbao: OpenBao) -> None:
    openbao.put_secret("session", {"password": "s3cret"})


@pytest.fixture
def session(vault_settings: VaultSettings) -> Session:
    return Session(vault_settings)


def read(session: Session) -> int:
    return session.ask("read", "kv/data/session", lambda client: client.adapter.get("/v1/kv/data/session")).status


def accessor(session: Session) -> str:
    itself = session.ask("read", "auth/token/lookup-self", lambda client: client.auth.token.lookup_self())
    return str(itself.data["accessor"])


def accessors(openbao: OpenBao) -> set[str]:
    with openbao.administration() as client:
        return set(client.auth.token.list_accessors().data["keys"])


def test_opening_alone_asks_nothing_of_vault(openbao: OpenBao) -> None:
    before = accessors(openbao)
    with open_vault(openbao.settings) as vault:
        assert vault.read_all({}) == {}
        assert accessors(openbao) == before


def test_opening_alone_needs_no_vault() -> None:
    nowhere = VaultSettings(address="http://127.0.0.1:1", login=TokenLogin(token_file=Path("absent")))
    with open_vault(nowhere):
        pass


def test_the_token_is_revoked_at_the_end(openbao: OpenBao) -> None:
    before = accessors(openbao)
    with open_vault(openbao.settings) as vault:
        vault.read(PASSWORD)
        vault.read(PASSWORD)
        assert len(accessors(openbao) - before) == 1
    assert accessors(openbao) <= before


@pytest.mark.parametrize("failure", [RuntimeError("the build broke"), KeyboardInterrupt()])
def test_the_token_is_revoked_on_failure_too_and_the_failure_comes_through(openbao: OpenBao, failure: BaseException) -> None:
    def work() -> None:
        with open_vault(openbao.settings) as vault:
            vault.read(PASSWORD)
            raise failure

    before = accessors(openbao)
    with pytest.raises(type(failure)) as caught:
        work()
    assert caught.value is failure
    assert accessors(openbao) <= before


def test_the_token_is_revoked_after_a_refusal(openbao: OpenBao) -> None:
    before = accessors(openbao)
    with pytest.raises(Refused), open_vault(openbao.settings) as vault:
        vault.read(SecretReference.parse("vault:kv/data/absent#password"))
    assert accessors(openbao) <= before


def test_a_revocation_that_fails_hides_no_error_and_is_logged(openbao: OpenBao, caplog: pytest.LogCaptureFixture) -> None:
    def work_until_vault_is_sealed() -> None:
        with open_vault(openbao.settings) as vault:
            vault.read(PASSWORD)
            openbao.seal()
            raise RuntimeError("the build broke")

    try:
        with caplog.at_level(logging.WARNING), pytest.raises(RuntimeError, match="the build broke"):
            work_until_vault_is_sealed()
    finally:
        openbao.unseal()
    assert "not revoked" in caplog.text


def test_a_token_revoked_under_the_session_is_replaced_by_a_new_login(openbao: OpenBao, session: Session) -> None:
    first = accessor(session)
    write(openbao, "auth/token/revoke-accessor", accessor=first)
    assert read(session) == 200
    second = accessor(session)
    assert second != first
    session.close()
    assert second not in accessors(openbao)


def test_a_token_with_less_than_a_third_of_its_life_left_is_renewed(openbao: OpenBao) -> None:
    now = 0.0
    session = Session(openbao.settings, clock=lambda: now)
    first = accessor(session)
    now = 500  # of 600 seconds
    assert accessor(session) == first
    itself = session.ask("read", "auth/token/lookup-self", lambda client: client.auth.token.lookup_self())
    assert itself.data["last_renewal_time"] is not None
    session.close()


def test_a_token_that_ended_unused_is_replaced_by_a_new_login(openbao: OpenBao) -> None:
    now = 0.0
    session = Session(openbao.settings, clock=lambda: now)
    first = accessor(session)
    now = 601
    assert accessor(session) != first
    session.close()
    write(openbao, "auth/token/revoke-accessor", accessor=first)


def test_a_token_that_cannot_be_prolonged_is_replaced_and_revoked(openbao: OpenBao) -> None:
    now = 0.0
    session = Session(openbao.settings, clock=lambda: now)
    first = accessor(session)
    # A renewal now gives a minute at most, which is less than a third of the ten that the token began with.
    write(openbao, "auth/approle/role/pipeline", token_ttl="1m", token_max_ttl="1m")
    try:
        now = 500
        second = accessor(session)
        assert second != first
        assert first not in accessors(openbao)
        session.close()
    finally:
        write(openbao, "auth/approle/role/pipeline", token_ttl="10m", token_max_ttl="1h")


def test_a_token_from_a_file_is_used_and_neither_renewed_nor_revoked(openbao: OpenBao, tmp_path: Path) -> None:
    made = write(openbao, "auth/token/create", policies=["pratique-secrets"], ttl="10m").body["auth"]
    (tmp_path / "token").write_text(made["client_token"] + "\n")
    with open_vault(VaultSettings(address=openbao.address, login=TokenLogin(token_file=tmp_path / "token"))) as vault:
        assert vault.read(PASSWORD) == "s3cret"
    assert made["accessor"] in accessors(openbao)
    write(openbao, "auth/token/revoke-accessor", accessor=made["accessor"])


def test_a_token_file_is_read_again_once_its_token_has_ended(openbao: OpenBao, tmp_path: Path) -> None:
    first = write(openbao, "auth/token/create", policies=["pratique-secrets"], ttl="10m").body["auth"]
    file = tmp_path / "token"
    file.write_text(first["client_token"])
    with open_vault(VaultSettings(address=openbao.address, login=TokenLogin(token_file=file))) as vault:
        assert vault.read(PASSWORD) == "s3cret"
        write(openbao, "auth/token/revoke-accessor", accessor=first["accessor"])
        with pytest.raises(Refused, match=r"the token in .*token to read kv/data/session: it has expired or was revoked"):
            vault.read(PASSWORD)
        second = write(openbao, "auth/token/create", policies=["pratique-secrets"], ttl="10m").body["auth"]
        file.write_text(second["client_token"])
        assert vault.read(PASSWORD) == "s3cret"


def test_where_nothing_listens_asking_again_may_help(vault_settings: VaultSettings) -> None:
    nowhere = vault_settings.model_copy(update={"address": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(Transient, match="cannot be reached"), open_vault(nowhere) as vault:
        vault.read(PASSWORD)


def test_an_identity_token_names_the_pipeline(openbao: OpenBao) -> None:
    with open_vault(openbao.settings) as vault:
        token = vault.identity_token("sigstore")
        with pytest.raises(Refused, match="denies read on identity/oidc/token/other"):
            vault.identity_token("other")
    keys = jwt.PyJWKClient(f"{openbao.address}/v1/identity/oidc/.well-known/keys")
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["RS256"],
        audience="sigstore",
        issuer=f"{openbao.address}/v1/identity/oidc",
    )
    assert (claims["email"], claims["email_verified"]) == ("pipeline@pratique.internal", True)


def test_an_identity_token_of_a_login_without_entity_is_refused(openbao: OpenBao, tmp_path: Path) -> None:
    made = write(openbao, "auth/token/create", policies=["pratique-identity"], ttl="1m").body["auth"]
    (tmp_path / "token").write_text(made["client_token"])
    settings = VaultSettings(address=openbao.address, login=TokenLogin(token_file=tmp_path / "token"))
    with open_vault(settings) as vault, pytest.raises(Refused, match="the login must belong to an entity"):
        vault.identity_token("sigstore")
