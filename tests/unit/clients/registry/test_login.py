"""Challenges, credentials and names: read strictly, shown to nobody."""

from __future__ import annotations

import pickle

import httpx
import pytest

from pratique.clients.registry import Credentials, open_registry
from pratique.clients.registry.authentication import Challenge, Login, read_challenge
from pratique.clients.registry.names import require_address, require_repository, require_tag
from pratique.clients.registry.purpose import Purpose
from pratique.clients.registry.wire import Answer, Wire
from pratique.errors import Invalid, Refused
from pratique.settings import RegistrySettings

CREDENTIALS = Credentials("ci", "s3cret-f00d")
PURPOSE = Purpose("pushing a blob", "hello/app", write=True)


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ([], None),
        (["Negotiate"], None),
        (['Basic realm="x"'], Challenge("basic", {"realm": "x"})),
        (["basic"], Challenge("basic", {})),
        (
            ['Bearer realm="https://t/token",service="s",scope="repository:a/b:pull,push"'],
            Challenge("bearer", {"realm": "https://t/token", "service": "s", "scope": "repository:a/b:pull,push"}),
        ),
        (
            ['BEARER Realm="https://t/", Service=s, error="insufficient_scope"'],
            Challenge("bearer", {"realm": "https://t/", "service": "s", "error": "insufficient_scope"}),
        ),
        (['Basic realm="x"', 'Bearer realm="y"'], Challenge("bearer", {"realm": "y"})),
        (['Bearer realm="broken', 'Basic realm="x"'], Challenge("bearer", {"realm": "broken"})),
    ],
)
def test_a_challenge_is_read_and_a_token_preferred(headers: list[str], challenge: Challenge | None) -> None:
    assert read_challenge(headers) == challenge


def test_credentials_show_the_name_alone() -> None:
    assert repr(CREDENTIALS) == "Credentials(username='ci')"
    assert str(CREDENTIALS) == "Credentials(username='ci')"
    assert pickle.loads(pickle.dumps(CREDENTIALS)) == CREDENTIALS  # noqa: S301  # our own
    assert CREDENTIALS.basic() == "Basic Y2k6czNjcmV0LWYwMGQ="


def test_a_password_is_not_sent_without_tls_where_the_registry_has_it() -> None:
    flow = (
        Login(httpx.URL("https://registry.example"), CREDENTIALS)
        .for_purpose(PURPOSE)
        .sync_auth_flow(httpx.Request("GET", "https://registry.example/v2/"))
    )
    next(flow)
    with pytest.raises(Refused, match="without TLS"):
        flow.send(httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="http://tokens.example/"'}))


def test_scopes_of_a_mount_are_asked_for_one_by_one_and_a_look_before_writing_for_both_actions() -> None:
    flow = (
        Login(httpx.URL("https://registry.example"), CREDENTIALS)
        .for_purpose(PURPOSE)
        .sync_auth_flow(httpx.Request("POST", "https://registry.example/v2/"))
    )
    next(flow)
    scope = "repository:hello/app:pull repository:hello/source:pull"
    asked = flow.send(httpx.Response(401, headers={"WWW-Authenticate": f'Bearer realm="https://t.example/",scope="{scope}"'}))
    assert asked.url.params.get_list("scope") == ["repository:hello/app:pull,push", "repository:hello/source:pull"]
    again = flow.send(httpx.Response(200, json={"access_token": "t0ken"}))
    assert again.headers["Authorization"] == "Bearer t0ken"
    with pytest.raises(StopIteration):
        flow.send(httpx.Response(401))


def test_an_upload_never_leaves_tls() -> None:
    wire = Wire(RegistrySettings(address="registry.example"), None)
    answer = Answer(202, httpx.URL("https://registry.example/v2/a/blobs/uploads/"), httpx.Headers(), b"")
    assert wire.absolute(PURPOSE, answer, "/v2/x?y=z") == httpx.URL("https://registry.example/v2/x?y=z")
    with pytest.raises(Refused, match="X-Forwarded-Proto"):
        wire.absolute(PURPOSE, answer, "http://registry.example/v2/x")
    wire.close()


@pytest.mark.parametrize("address", ["127.0.0.1:5000", "registry.example", "[::1]:5000", "a.b-c.d:443", "localhost"])
def test_an_address_is_a_host_with_or_without_a_port(address: str) -> None:
    assert require_address(address) == address


@pytest.mark.parametrize(
    "address",
    ["", "https://registry.example", "registry.example/path", "user:pass@host", "host:", "-h", "a b", "host\n", "h?x", "h#x"],
)
def test_anything_else_is_no_address(address: str) -> None:
    with pytest.raises(Invalid, match=r"registry\.address"), open_registry(RegistrySettings(address=address), None):
        pass


@pytest.mark.parametrize("name", ["a", "hello/releases", "a__b/c-d/e.f", "a--b", "0/1", "x" * 255])
def test_names_of_repositories(name: str) -> None:
    assert require_repository(name) == name


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "A", "a/../b", "-a", "a-", "a..b", "a_-b", "a b", "a?b", "a\n", "x" * 256]
)
def test_anything_else_is_no_repository(name: str) -> None:
    with pytest.raises(Invalid):
        require_repository(name)


@pytest.mark.parametrize("tag", ["", "-a", ".a", "a/b", "a:b", "a b", "a\n", "x" * 129, "é"])
def test_what_is_no_tag(tag: str) -> None:
    with pytest.raises(Invalid):
        require_tag(tag)
