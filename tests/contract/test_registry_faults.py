"""Registries that fail, lie, or answer nonsense: each is told apart, and nothing is retried beneath the tasks."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from pratique.clients.ports import LayerFile, OciImage
from pratique.clients.registry import OciRegistry, blobs, open_registry, wire
from pratique.clients.registry.documents import MANIFEST_TYPE
from pratique.errors import Refused, Transient
from pratique.settings import RegistrySettings
from pratique.values.digest import digest_of
from tests.services.fault_proxy import FaultProxy, strike_each_request_of
from tests.services.registry import RealRegistry

KIND = "application/vnd.example.faults"
REPOSITORY = "faults/app"
CREATED = datetime(2026, 3, 4, tzinfo=UTC)
SOME = digest_of(b"{}")


@pytest.fixture
def proxy(plain_registry: RealRegistry, fault_proxy: Callable[[str], FaultProxy]) -> FaultProxy:
    return fault_proxy(f"http://{plain_registry.address}")


@pytest.fixture
def registry(proxy: FaultProxy) -> Iterator[OciRegistry]:
    with open_registry(RegistrySettings(address=proxy.address, plain_http=True), None) as registry:
        yield registry


@pytest.fixture
def subject(registry: OciRegistry, proxy: FaultProxy) -> str:
    digest = registry.push_artifact(REPOSITORY, KIND, b"{}", [], {})
    proxy.forget()
    return digest


ASKED: dict[str, Callable[[OciRegistry, str], object]] = {
    "manifest": lambda registry, subject: registry.manifest(REPOSITORY, subject),
    "blob": lambda registry, subject: registry.blob(REPOSITORY, SOME),
    "resolve": lambda registry, subject: registry.resolve(REPOSITORY, "tag"),
    "tag": lambda registry, subject: registry.tag(REPOSITORY, subject, "tag"),
    "push": lambda registry, subject: registry.push_artifact(REPOSITORY, KIND, b"more", [("text/plain", b"x")], {}),
    "attach": lambda registry, subject: registry.attach(REPOSITORY, subject, b"bundle", "p", CREATED),
    "bundles": lambda registry, subject: registry.bundles(REPOSITORY, subject),
    "mount": lambda registry, subject: registry.mount(REPOSITORY, SOME, "faults/other"),
    "copy": lambda registry, subject: registry.copy(REPOSITORY, subject, "faults/other"),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_what_may_pass_is_transient_each_time_and_asked_once_each_time(
    registry: OciRegistry, proxy: FaultProxy, subject: str, ask: Callable[[OciRegistry, str], object]
) -> None:
    proxy.answer(503, times=2, headers={"Retry-After": "7"})
    for number in (1, 2):
        with pytest.raises(Transient, match=r"HTTP 503\); it says to wait 7"):
            ask(registry, subject)
        assert proxy.count() == number
    ask(registry, subject)


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("status", [429, 500, 502, 504, 0], ids=["429", "500", "502", "504", "dropped"])
def test_a_fault_at_any_request_of_an_operation_is_transient(
    registry: OciRegistry, proxy: FaultProxy, subject: str, ask: Callable[[OciRegistry, str], object], status: int
) -> None:
    assert strike_each_request_of(lambda: ask(registry, subject), proxy, status) >= 1


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_a_denial_names_the_repository_and_the_action(
    registry: OciRegistry, proxy: FaultProxy, subject: str, ask: Callable[[OciRegistry, str], object], status: int
) -> None:
    proxy.answer(status, body=b'{"errors": [{"code": "DENIED", "message": "not\\u0007 you"}]}')
    with pytest.raises(Refused, match=rf"denied \(HTTP {status}.*may (pull|push) faults/"):
        ask(registry, subject)
    assert proxy.count() == 1


def test_a_registry_that_does_not_answer_in_time_is_transient(
    registry: OciRegistry, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_TIMEOUT", httpx.Timeout(0.2))
    proxy.delay(1)
    with pytest.raises(Transient, match="not answered in time"):
        registry.resolve(REPOSITORY, "tag")


def test_a_connection_that_breaks_in_the_middle_of_an_answer_is_transient(registry: OciRegistry, proxy: FaultProxy) -> None:
    proxy.answer(200, headers={"Content-Length": "100", "Connection": "close"}, body=b"half")
    proxy.answer(200, headers={"Content-Length": "100", "Connection": "close"}, body=b"half")
    with pytest.raises(Transient):
        registry.manifest(REPOSITORY, SOME)


LYING: dict[str, tuple[dict[str, object], Callable[[OciRegistry, str], object], str]] = {
    "another manifest": (
        {"method": "GET", "path": "/manifests/", "status": 200, "body": b"{}"},
        ASKED["manifest"],
        "other content than sha256:",
    ),
    "another blob": ({"path": "/blobs/", "status": 200, "body": b"[]"}, ASKED["blob"], f"other content than {SOME}"),
    "another digest told": (
        {"path": "/manifests/", "status": 200, "body": b"{}", "headers": {"Docker-Content-Digest": digest_of(b"[]")}},
        lambda registry, subject: registry.manifest(REPOSITORY, SOME),
        "other content than sha256:",
    ),
    "stored as another": (
        {"method": "PUT", "path": "/manifests/", "status": 201, "headers": {"Docker-Content-Digest": SOME}},
        ASKED["tag"],
        f"stored {SOME} instead of",
    ),
    "no manifest": (
        {"path": "/manifests/", "status": 200, "body": b"<html>"},
        lambda registry, subject: registry.manifest(REPOSITORY, digest_of(b"<html>")),
        "is no manifest",
    ),
    "a list": (
        {"path": "/manifests/", "status": 200, "body": b"[]"},
        lambda registry, subject: registry.manifest(REPOSITORY, digest_of(b"[]")),
        "is no manifest",
    ),
    "too large a manifest": (
        {"path": "/manifests/", "status": 200, "body": bytes(4 * 1024 * 1024 + 1)},
        ASKED["manifest"],
        "more than 4 MiB into memory",
    ),
    "invalid": (
        {"method": "PUT", "path": "/manifests/", "status": 400, "body": b'{"errors":[{"code":"MANIFEST_INVALID"}]}'},
        ASKED["tag"],
        r"pushing the manifest tag was refused \(HTTP 400 MANIFEST_INVALID\)",
    ),
    "digest invalid": (
        {"method": "PUT", "path": "/uploads/", "status": 400, "body": b'{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}'},
        lambda registry, subject: registry.push_artifact(REPOSITORY, KIND, b"digest invalid", [], {}),
        r"HTTP 400 DIGEST_INVALID: no",
    ),
    "nowhere to upload to": (
        {"method": "POST", "status": 202},
        lambda registry, subject: registry.push_artifact(REPOSITORY, KIND, b"nowhere", [], {}),
        "says not where to go on",
    ),
    "a strange place to upload to": (
        {"method": "POST", "status": 202, "headers": {"Location": "ftp://x/"}},
        lambda registry, subject: registry.push_artifact(REPOSITORY, KIND, b"strange", [], {}),
        "says not where to go on",
    ),
    "redirects without end": (
        {"status": 307, "headers": {"Location": "/v2/again"}, "times": 99},
        ASKED["blob"],
        "redirected to where it cannot go",
    ),
    "a redirected upload": (
        {"method": "POST", "status": 307, "headers": {"Location": "/"}},
        ASKED["mount"],
        "no registry gives",
    ),
    "another server": ({"status": 404, "body": b"<html>"}, ASKED["blob"], r"refused \(HTTP 404\)"),
}


@pytest.mark.parametrize("case", LYING.values(), ids=LYING)
def test_a_registry_that_lies_is_refused(
    registry: OciRegistry,
    proxy: FaultProxy,
    subject: str,
    case: tuple[dict[str, object], Callable[[OciRegistry, str], object], str],
) -> None:
    answer, ask, reason = case
    proxy.answer(**answer)  # type: ignore[arg-type]  # each row's own
    with pytest.raises(Refused, match=reason):
        ask(registry, subject)


def test_an_upload_that_the_registry_forgot_may_be_begun_again(registry: OciRegistry, proxy: FaultProxy) -> None:
    proxy.answer(404, method="PUT", path="/uploads/", body=b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')
    with pytest.raises(Transient, match="does not know the upload any more"):
        registry.push_artifact(REPOSITORY, KIND, b"forgotten", [], {})
    assert registry.push_artifact(REPOSITORY, KIND, b"forgotten", [], {})


def test_a_tag_is_resolved_from_the_content_where_the_registry_tells_no_digest(
    registry: OciRegistry, proxy: FaultProxy, subject: str
) -> None:
    registry.tag(REPOSITORY, subject, "told")
    proxy.forget()
    for told in ({}, {"Docker-Content-Digest": "sha512:" + "0" * 128}):
        proxy.answer(200, method="HEAD", headers={"Content-Type": MANIFEST_TYPE, **told})
        assert registry.resolve(REPOSITORY, "told") == subject
    assert proxy.count("GET", "/manifests/told") == 2


def test_a_blob_that_is_too_large_for_memory_is_refused(
    registry: OciRegistry, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "BLOB_LIMIT", 1024 * 1024)
    content = bytes(1024 * 1024 + 1)
    registry.push_artifact(REPOSITORY, KIND, content, [], {})
    with pytest.raises(Refused, match="more than 1 MiB into memory"):
        registry.blob(REPOSITORY, digest_of(content))


def test_a_large_layer_is_sent_without_holding_it_in_memory(plain_registry: RealRegistry, tmp_path: Path) -> None:
    size = 48 * 1024 * 1024
    file = tmp_path / "layer"
    file.write_bytes(bytes(size))
    layer = LayerFile(media_type="application/vnd.oci.image.layer.v1.tar", digest=digest_of(bytes(size)), size=size, file=file)
    image = OciImage(config=b"{}", layers=(layer,), annotations={})
    with open_registry(RegistrySettings(address=plain_registry.address, plain_http=True), None) as registry:
        tracemalloc.start()
        digest = registry.push_image("faults/large", image, lambda _: None)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert registry.manifest("faults/large", digest) is not None
    assert peak < size / 4
