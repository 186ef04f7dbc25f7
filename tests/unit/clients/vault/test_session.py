"""The life of a session, its clock and its Vault in the test's hands."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from pratique.clients.vault import open_vault
from pratique.clients.vault.session import Session
from pratique.errors import Refused
from pratique.settings import JwtLogin, TokenLogin, VaultSettings
from pratique.values.references import SecretReference
from tests.fakes.vault_wire import LOGIN, Scripted, VaultWire, errors, token

RENEW, REVOKE = "auth/token/renew-self", "auth/token/revoke-self"
PASSWORD = SecretReference.parse("vault:kv/data/hello#password")
FOUND = Scripted(200, {"data": {"data": {"password": "s3cret"}, "metadata": {"version": 1}}})


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(wire: VaultWire, settings: VaultSettings, clock: Clock) -> Session:
    wire.on("kv/data/hello", FOUND)
    wire.on(REVOKE, Scripted(204))
    return Session(settings, clock)


def use(session: Session) -> int:
    return session.ask("read", "kv/data/hello", lambda client: client.adapter.get("/v1/kv/data/hello")).status


def shown(wire: VaultWire, path: str) -> list[str | None]:
    """The tokens that were shown at a path."""
    return [request.headers.get("X-Vault-Token") for request in wire.requests if request.path == path]


@pytest.mark.parametrize("left", [600, 401, 201])
def test_a_token_with_a_third_of_its_life_or_more_is_used_as_it_is(
    wire: VaultWire, session: Session, clock: Clock, left: int
) -> None:
    use(session)
    clock.now += 600 - left
    use(session)
    assert wire.paths() == [LOGIN, "kv/data/hello", "kv/data/hello"]


@pytest.mark.parametrize("left", [199, 1])
def test_a_token_with_less_is_renewed_and_then_lasts(wire: VaultWire, session: Session, clock: Clock, left: int) -> None:
    wire.on(RENEW, token("canary-token"))
    use(session)
    for _ in range(10):
        clock.now += 600 - left
        use(session)
        use(session)
    assert wire.paths() == [LOGIN, "kv/data/hello"] + 10 * [RENEW, "kv/data/hello", "kv/data/hello"]


@pytest.mark.parametrize("gone", [600, 10_000])
def test_a_token_that_has_ended_is_replaced_without_asking_what_became_of_it(
    wire: VaultWire, session: Session, clock: Clock, gone: int
) -> None:
    wire.on(LOGIN, token("first"), token("second"))
    use(session)
    clock.now += gone
    use(session)
    session.close()
    assert wire.paths() == [LOGIN, "kv/data/hello", LOGIN, "kv/data/hello", REVOKE]
    assert shown(wire, REVOKE) == ["second"]


@pytest.mark.parametrize("renewal", [token("first", lease=100), errors(403, "permission denied"), errors(400, "no")])
def test_a_token_that_cannot_be_renewed_any_more_is_replaced_and_revoked(
    wire: VaultWire, session: Session, clock: Clock, renewal: Scripted
) -> None:
    wire.on(LOGIN, token("first"), token("second"))
    wire.on(RENEW, renewal)
    use(session)
    clock.now += 450
    use(session)
    assert wire.paths() == [LOGIN, "kv/data/hello", RENEW, LOGIN, REVOKE, "kv/data/hello"]
    assert shown(wire, REVOKE) == ["first"]
    assert shown(wire, "kv/data/hello") == ["first", "second"]


def test_a_token_that_is_not_renewable_is_replaced_without_trying(wire: VaultWire, session: Session, clock: Clock) -> None:
    wire.on(LOGIN, token("first", renewable=False), token("second"))
    use(session)
    clock.now += 450
    use(session)
    assert wire.paths() == [LOGIN, "kv/data/hello", LOGIN, REVOKE, "kv/data/hello"]


@pytest.mark.parametrize("trouble", [errors(503, "Vault is sealed"), requests.ReadTimeout(), errors(429)])
def test_while_there_is_life_left_trouble_with_renewing_is_no_trouble(
    wire: VaultWire, session: Session, clock: Clock, trouble: Scripted | Exception
) -> None:
    wire.on(LOGIN, token("first"), trouble)
    wire.on(RENEW, trouble)
    use(session)
    clock.now += 450
    assert use(session) == 200
    assert shown(wire, "kv/data/hello") == ["first", "first"]


def test_a_batch_token_is_neither_renewed_nor_revoked(wire: VaultWire, session: Session, clock: Clock) -> None:
    wire.on(LOGIN, token("b.first", renewable=False, token_type="batch"))
    use(session)
    session.close()
    assert wire.paths() == [LOGIN, "kv/data/hello"]


def test_a_token_without_an_end_is_left_alone(wire: VaultWire, session: Session, clock: Clock) -> None:
    wire.on(LOGIN, token("first", lease=0))
    use(session)
    clock.now += 1e9
    use(session)
    assert wire.paths() == [LOGIN, "kv/data/hello", "kv/data/hello"]


def test_a_token_that_is_not_accepted_is_replaced_once_and_no_more(wire: VaultWire, session: Session) -> None:
    wire.on(LOGIN, token("first"), token("second"), token("third"))
    wire.on("kv/data/hello", errors(403, "permission denied"))
    wire.on("auth/token/lookup-self", errors(403, "permission denied"))
    with pytest.raises(Refused):
        use(session)
    assert shown(wire, "kv/data/hello") == ["first", "second"]
    assert shown(wire, REVOKE) == ["first"]


def test_a_denied_path_costs_no_second_login(wire: VaultWire, session: Session) -> None:
    wire.on("kv/data/hello", errors(403, "permission denied"))
    wire.on("auth/token/lookup-self", Scripted(200, {"data": {"policies": ["default"]}}))
    with pytest.raises(Refused, match="denies read"):
        use(session)
    assert wire.paths().count(LOGIN) == 1


@pytest.mark.parametrize(
    "answer", [errors(503, "Vault is sealed"), errors(500), requests.ConnectionError(), requests.exceptions.SSLError()]
)
def test_closing_never_raises(
    wire: VaultWire, session: Session, answer: Scripted | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    use(session)
    wire.on(REVOKE, answer)
    session.close()
    session.close()
    assert wire.paths().count(REVOKE) == 1
    assert "not revoked" in caplog.text
    assert "canary" not in caplog.text


def test_a_session_that_was_closed_logs_in_no_more(wire: VaultWire, session: Session) -> None:
    session.close()
    with pytest.raises(RuntimeError, match="after its `with` had ended"):
        use(session)
    assert wire.requests == []


def test_a_token_that_is_gone_already_is_closed_without_a_word(
    wire: VaultWire, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    use(session)
    wire.on(REVOKE, errors(403, "permission denied"))
    session.close()
    assert caplog.text == ""


def test_many_threads_share_one_login_and_one_renewal(wire: VaultWire, session: Session, clock: Clock) -> None:
    wire.on(RENEW, token("canary-token"))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: use(session), range(40))) == {200}
        clock.now += 450
        assert set(pool.map(lambda _: use(session), range(40))) == {200}
    assert wire.paths().count(LOGIN) == 1
    assert wire.paths().count(RENEW) == 1


def test_namespace_and_token_go_with_every_request(wire: VaultWire, settings: VaultSettings) -> None:
    wire.on("kv/data/hello", FOUND)
    with open_vault(settings.model_copy(update={"namespace": "team/a"})) as vault:
        vault.read(PASSWORD)
    assert {request.headers.get("X-Vault-Namespace") for request in wire.requests} == {"team/a"}
    assert shown(wire, LOGIN) == [None]
    assert shown(wire, "kv/data/hello") == ["canary-token"]


def test_the_redirect_of_a_standby_is_not_followed_with_the_token(wire: VaultWire, session: Session) -> None:
    wire.on("kv/data/hello", Scripted(307, None, {"Location": "http://elsewhere.test/v1/kv/data/hello"}))
    assert use(session) == 307
    assert wire.paths() == [LOGIN, "kv/data/hello"]


def test_each_jwt_login_reads_the_file_anew(wire: VaultWire, settings: VaultSettings, tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "jwt"
    wire.on("auth/jwt/login", token("first"), token("second"))
    wire.on("kv/data/hello", FOUND)
    session = Session(settings.model_copy(update={"login": JwtLogin(role="delivery", jwt_file=file)}), clock)
    for text in ("morning", "evening"):
        file.write_text(text)
        use(session)
        clock.now += 10_000
    logins = [request.body for request in wire.requests if request.path == "auth/jwt/login"]
    assert logins == [{"role": "delivery", "jwt": "morning"}, {"role": "delivery", "jwt": "evening"}]


def test_a_token_from_a_file_is_shown_and_never_renewed_or_revoked(
    wire: VaultWire, settings: VaultSettings, tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "token").write_text("theirs\n")
    wire.on("kv/data/hello", FOUND)
    session = Session(settings.model_copy(update={"login": TokenLogin(token_file=tmp_path / "token")}), clock)
    use(session)
    clock.now += 1e9
    use(session)
    session.close()
    assert [(request.path, request.headers.get("X-Vault-Token")) for request in wire.requests] == 2 * [
        ("kv/data/hello", "theirs")
    ]
