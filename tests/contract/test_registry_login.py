"""Logging in to real registries, by password and by token, and what is told when that fails."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pratique.clients.registry import Credentials, OciRegistry, open_registry
from pratique.errors import Refused, Transient
from pratique.settings import RegistrySettings
from pratique.values.digest import digest_of
from tests.chains import all_that_it_says
from tests.services._registry_tokens import certificate_of
from tests.services.fault_proxy import FaultProxy
from tests.services.registry import USER, RealRegistry

KIND = "application/vnd.example.login"
WRONG = Credentials(USER.username, "wrong-secret-91c2")


@contextmanager
def opened(address: str, credentials: Credentials | None = USER) -> Iterator[OciRegistry]:
    with open_registry(RegistrySettings(address=address, plain_http=True), credentials) as registry:
        yield registry


@pytest.fixture(params=["password_registry", "tokens_registry"])
def guarded(request: pytest.FixtureRequest) -> RealRegistry:
    """A registry that asks for a login."""
    registry: RealRegistry = request.getfixturevalue(request.param)
    return registry


@pytest.mark.parametrize("credentials", [WRONG, None], ids=["wrong password", "none"])
def test_without_the_right_login_it_is_refused_naming_repository_and_action(
    guarded: RealRegistry, credentials: Credentials | None
) -> None:
    with opened(guarded.address, credentials) as registry:
        for ask, action in (
            (lambda: registry.resolve("login/app", "latest"), "pull login/app"),
            (lambda: registry.blob("login/app", digest_of(b"")), "pull login/app"),
            (lambda: registry.push_artifact("login/app", KIND, b"{}", [], {}), "p[a-z]+ login/app"),
        ):
            with pytest.raises(Refused, match=rf"denied \(HTTP 401.*registry.password.*{action}") as raised:
                ask()
            assert WRONG.password not in all_that_it_says(raised.value)


def test_a_failure_tells_no_secret_whatever_it_is(guarded: RealRegistry, fault_proxy: Callable[[str], FaultProxy]) -> None:
    proxy = fault_proxy(f"http://{guarded.address}")
    with opened(proxy.address) as registry:
        registry.push_artifact("login/app", KIND, b"{}", [], {})
        shown = [one.headers["Authorization"] for one in proxy.seen if "Authorization" in one.headers]
        proxy.drop(times=1)
        proxy.answer(500, times=1)
        for _ in range(2):
            with pytest.raises(Transient) as raised:
                registry.resolve("login/app", "latest")
            said = all_that_it_says(raised.value)
            assert not [secret for secret in (USER.password, *(header.split()[1] for header in shown)) if secret in said]


def test_each_repository_and_action_has_a_token_of_its_own_that_is_used_again(tokens_registry: RealRegistry) -> None:
    assert tokens_registry.tokens is not None
    tokens_registry.tokens.granted.clear()
    with opened(tokens_registry.address) as registry:
        for _ in range(2):
            registry.push_artifact("login/one", KIND, b"{}", [], {})
            registry.push_artifact("login/two", KIND, b"{}", [], {})
    granted = sorted(tuple(scopes) for scopes in tokens_registry.tokens.granted)
    assert [
        (*scopes[0].split(":")[:2], set(scopes[0].split(":")[2].split(","))) for scopes in granted if "push" in scopes[0]
    ] == [
        ("repository", "login/one", {"pull", "push"}),
        ("repository", "login/two", {"pull", "push"}),
    ]
    assert len([scopes for scopes in granted if scopes[0].endswith(":pull")]) == 2


def test_a_token_that_is_not_accepted_any_more_is_replaced_once(
    tokens_registry: RealRegistry, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    tokens = tokens_registry.tokens
    assert tokens is not None
    proxy = fault_proxy(f"http://{tokens_registry.address}")
    challenge = f'Bearer realm="{tokens.realm}",service="registry.test",scope="repository:login/app:pull"'
    with opened(proxy.address) as registry:
        assert registry.resolve("login/app", "no-such-tag") is None
        tokens.granted.clear()
        proxy.answer(401, headers={"WWW-Authenticate": challenge})
        assert registry.resolve("login/app", "no-such-tag") is None
        assert tokens.granted == [["repository:login/app:pull"]]
        proxy.answer(401, headers={"WWW-Authenticate": challenge}, times=2)
        with pytest.raises(Refused, match="denied"):
            registry.resolve("login/app", "no-such-tag")


def test_what_anybody_may_read_needs_no_login(tokens_registry: RealRegistry) -> None:
    with opened(tokens_registry.address) as registry:
        digest = registry.push_artifact("public/app", KIND, b"{}", [], {})
    with opened(tokens_registry.address, None) as anybody:
        assert anybody.blob("public/app", digest_of(b"{}")) == b"{}"
        assert anybody.manifest("public/app", digest) is not None
        with pytest.raises(Refused, match="may push public/app"):
            anybody.tag("public/app", digest, "latest")


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        ("", "denied"),
        ("Digest realm=x", "denied"),
        ('Bearer service="s"', "names no service"),
        ('Bearer realm="ftp://127.0.0.1/token"', "names no service"),
        ('Bearer realm="http://x:port/"', "names no service"),
    ],
)
def test_a_challenge_that_cannot_be_answered_is_refused(
    plain_registry: RealRegistry, fault_proxy: Callable[[str], FaultProxy], challenge: str, reason: str
) -> None:
    proxy = fault_proxy(f"http://{plain_registry.address}")
    proxy.answer(401, headers={"WWW-Authenticate": challenge}, times=9)
    with opened(proxy.address) as registry, pytest.raises(Refused, match=reason):
        registry.resolve("login/app", "latest")


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        ((503, b""), Transient, "the token service"),
        ((429, b""), Transient, "the token service"),
        ((403, b""), Refused, "denied"),
        ((200, b"<html>"), Refused, "holds no token"),
        ((200, b"{}"), Refused, "holds no token"),
        ((200, b"[]"), Refused, "holds no token"),
        ((200, b'{"token": "two\\nlines"}'), Refused, "holds no token"),
    ],
)
def test_a_token_service_that_gives_none_is_named(
    plain_registry: RealRegistry,
    fault_proxy: Callable[[str], FaultProxy],
    answer: tuple[int, bytes],
    error: type[Exception],
    reason: str,
) -> None:
    proxy = fault_proxy(f"http://{plain_registry.address}")
    challenge = f'Bearer realm="{proxy.url}/token?account=x",service="s"'
    proxy.answer(401, path="^/v2/", headers={"WWW-Authenticate": challenge})
    proxy.answer(answer[0], path="^/token", body=answer[1])
    with opened(proxy.address) as registry, pytest.raises(error, match=reason):
        registry.resolve("login/app", "latest")
    (asked,) = [one.path for one in proxy.seen if one.path.startswith("/token")]
    assert asked == "/token?account=x&scope=repository%3Alogin%2Fapp%3Apull&service=s"


def test_the_login_is_shown_to_the_registry_alone(
    password_registry: RealRegistry, plain_registry: RealRegistry, fault_proxy: Callable[[str], FaultProxy]
) -> None:
    proxy, elsewhere = fault_proxy(f"http://{password_registry.address}"), fault_proxy(f"http://{plain_registry.address}")
    with opened(plain_registry.address, None) as storage:
        storage.push_artifact("login/app", KIND, b"there", [], {})
    with opened(proxy.address) as registry:
        assert registry.resolve("login/app", "no-such-tag") is None
        proxy.answer(
            307, method="GET", path="/blobs/", headers={"Location": f"{elsewhere.url}/v2/login/app/blobs/{digest_of(b'there')}"}
        )
        assert registry.blob("login/app", digest_of(b"there")) == b"there"
        proxy.answer(202, method="POST", headers={"Location": f"{elsewhere.url}/upload?state=1"})
        elsewhere.answer(401, method="PUT", headers={"WWW-Authenticate": 'Basic realm="give it to me"'})
        with pytest.raises(Refused, match="denied"):
            registry.push_artifact("login/app", KIND, b"new content", [], {})
    assert [one.method for one in elsewhere.seen] == ["GET", "PUT"]
    assert not [one for one in elsewhere.seen if "Authorization" in one.headers]
    assert elsewhere.seen[1].path == f"/upload?state=1&digest={digest_of(b'new content').replace(':', '%3A')}"


def test_a_registry_without_tls_or_with_an_untrusted_certificate_is_refused(
    plain_registry: RealRegistry, tmp_path: Path
) -> None:
    with _tls_server(tmp_path) as untrusted:
        for address, reason in ((plain_registry.address, "does not speak TLS"), (untrusted, "certificate is not trusted")):
            with open_registry(RegistrySettings(address=address), USER) as registry, pytest.raises(Refused, match=reason):
                registry.resolve("login/app", "latest")


def test_where_nothing_listens_asking_again_may_help() -> None:
    with opened("127.0.0.1:1") as registry, pytest.raises(Transient, match=r"127\.0\.0\.1:1 cannot be reached"):
        registry.resolve("login/app", "latest")


@contextmanager
def _tls_server(folder: Path) -> Iterator[str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(private + certificate_of(key).public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the client hangs up, as it should
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
