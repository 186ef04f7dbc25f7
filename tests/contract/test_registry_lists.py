"""Lists of a registry, page by page, as registries give them that do not give everything at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from pratique.clients.registry import OciRegistry, lists, open_registry
from pratique.errors import Refused, Transient
from pratique.settings import RegistrySettings
from tests.services.fault_proxy import FaultProxy
from tests.services.registry import RealRegistry


@pytest.fixture
def proxy(plain_registry: RealRegistry, fault_proxy: Callable[[str], FaultProxy]) -> FaultProxy:
    return fault_proxy(f"http://{plain_registry.address}")


@pytest.fixture
def registry(proxy: FaultProxy) -> Iterator[OciRegistry]:
    with open_registry(RegistrySettings(address=proxy.address, plain_http=True), None) as registry:
        yield registry


def page(key: str, *names: object) -> bytes:
    return json.dumps({key: names}).encode()


def test_pages_of_tags_are_followed_to_the_end(registry: OciRegistry, proxy: FaultProxy) -> None:
    path = "/v2/hello/releases/tags/list"
    proxy.answer(200, path=r"tags/list$", headers={"Link": f'<{path}?last=b&n=2>; rel="next"'}, body=page("tags", "a", "b"))
    proxy.answer(200, path=r"last=b&n=2", headers={"Link": "<list?last=d>; rel=next"}, body=page("tags", "c", "d"))
    proxy.answer(200, path=r"last=d$", body=page("tags", "d", "e"))
    assert registry.tags("hello/releases") == ("a", "b", "c", "d", "e")
    assert proxy.count("GET", "tags/list") == 3


def test_pages_of_repositories_are_followed_to_the_end(registry: OciRegistry, proxy: FaultProxy) -> None:
    headers = {"Link": '</v2/_catalog?last=hello>; rel="next"'}
    proxy.answer(200, path=r"_catalog$", headers=headers, body=page("repositories", "hello"))
    proxy.answer(200, path=r"last=hello", body=page("repositories", "parrot"))
    assert registry.repositories() == ("hello", "parrot")


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'{"tags":{}}', b'{"tags":[1]}', b"<html>", b"[" * 100_000])
def test_a_list_that_is_none_is_refused(registry: OciRegistry, proxy: FaultProxy, body: bytes) -> None:
    proxy.answer(200, path="tags/list", body=body)
    with pytest.raises(Refused, match="listing the tags of hello: the registry's list is malformed"):
        registry.tags("hello")


def test_no_tags_are_none_however_they_are_told(registry: OciRegistry, proxy: FaultProxy) -> None:
    proxy.answer(200, path="tags/list", body=b'{"name":"hello","tags":null}')
    assert registry.tags("hello") == ()


@pytest.mark.parametrize(("most", "names"), [(10**6, [("a",), ("a",)]), (2, [("a", "b"), ("c", "d")])])
def test_a_list_without_end_is_refused(
    registry: OciRegistry, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, most: int, names: list[tuple[str, ...]]
) -> None:
    monkeypatch.setattr(lists, "MOST", most)
    for told in names:
        proxy.answer(200, path="tags/list", headers={"Link": "<list?again>; rel=next"}, body=page("tags", *told))
    with pytest.raises(Refused, match="the list does not end"):
        registry.tags("hello")


def test_a_registry_that_lists_no_repositories_says_what_to_do(registry: OciRegistry, proxy: FaultProxy) -> None:
    proxy.answer(404, path="_catalog")
    with pytest.raises(Refused, match="does not list its repositories: name what is looked for"):
        registry.repositories()


def test_a_list_that_cannot_be_had_now_is_transient(registry: OciRegistry, proxy: FaultProxy) -> None:
    proxy.answer(503, path="tags/list")
    with pytest.raises(Transient, match="listing the tags of hello failed for now"):
        registry.tags("hello")
    assert registry.tags("hello") == ()
