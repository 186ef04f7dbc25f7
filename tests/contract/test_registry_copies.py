"""Copies from one registry into another: the contract, kept by the fake and by real ones, and what may happen on the way."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.ports import Copied, LayerFile, OciImage
from pratique.clients.registry import OciRegistry, open_registry
from pratique.clients.registry.documents import INDEX_TYPE, MANIFEST_TYPE, descriptor, index
from pratique.clients.registry.names import referrers_tag
from pratique.errors import Refused, Transient
from pratique.settings import RegistrySettings
from pratique.values.digest import Digest, canonical_json, digest_of
from tests.fakes.registry import FakeRegistry, flipped
from tests.services.fault_proxy import FaultProxy, strike_each_request_of
from tests.services.registry import REGISTRIES, RealRegistry, fixture_of

PREDICATE = "https://slsa.dev/provenance/v1"
CREATED = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
PAIRS = [("plain", "password"), ("password", "tokens"), ("tokens", "plain")]
if "referrers-api" in REGISTRIES:
    PAIRS += [("plain", "referrers-api"), ("referrers-api", "plain")]


@dataclass(frozen=True)
class Pair:
    """Two registries behind proxies, and one image in the first one."""

    source: OciRegistry
    target: OciRegistry
    at_source: FaultProxy
    at_target: FaultProxy
    source_files: RealRegistry
    repository: str
    layers: tuple[LayerFile, ...]
    image: Digest

    def copy(self) -> Copied:
        return self.source.copy(self.repository, self.image, f"{self.repository}/prod", self.target)

    @property
    def uploads(self) -> int:
        return self.at_target.count("PUT", "/blobs/uploads/")


@pytest.fixture(params=PAIRS, ids=" to ".join)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    yield from paired(request, request.param, tmp_path)


@pytest.fixture
def plain_pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """Without a login, so that each request is one."""
    yield from paired(request, ("plain", "plain"), tmp_path)


def paired(request: pytest.FixtureRequest, kinds: tuple[str, str], folder: Path) -> Iterator[Pair]:
    real: list[RealRegistry] = [request.getfixturevalue(fixture_of(kind)) for kind in kinds]
    layers = tuple(layer_of(folder, os.urandom(size)) for size in (300_000, 70_000, 1))
    config = canonical_json({"architecture": "amd64", "os": "linux", "made": os.urandom(8).hex()})
    repository = f"copies/t{abs(hash(request.node.nodeid)):x}"
    with ExitStack() as stack:
        near, far = proxies = [stack.enter_context(FaultProxy(f"http://{one.address}")) for one in real]
        source, target = (
            stack.enter_context(open_registry(RegistrySettings(address=proxy.address, plain_http=True), one.credentials))
            for one, proxy in zip(real, proxies, strict=True)
        )
        image = source.push_image(repository, OciImage(config=config, layers=layers, annotations={}), lambda _: None)
        yield Pair(source, target, near, far, real[0], repository, layers, image)


def layer_of(folder: Path, content: bytes) -> LayerFile:
    file = folder / digest_of(content).removeprefix("sha256:")
    file.write_bytes(content)
    return LayerFile(media_type=LAYER_TYPE, digest=digest_of(content), size=len(content), file=file)


def test_a_copy_has_the_same_digest_its_evidence_and_its_blobs_and_is_made_once(pair: Pair) -> None:
    for bundle in (b"{1}", b"{2}"):
        pair.source.attach(pair.repository, pair.image, bundle, PREDICATE, CREATED)
    size = sum(layer.size for layer in pair.layers)
    copied, target = pair.copy(), f"{pair.repository}/prod"
    assert (copied.manifests, copied.mounted) == (3, 0)
    assert copied.bytes_sent > size
    assert pair.target.manifest(target, pair.image) == pair.source.manifest(pair.repository, pair.image)
    for layer in pair.layers:
        assert pair.target.blob(target, layer.digest) == layer.file.read_bytes()
    assert sorted(pair.target.bundles(target, pair.image)) == [b"{1}", b"{2}"]
    sent = pair.uploads
    assert pair.copy() == Copied()
    assert pair.uploads == sent


def test_evidence_that_came_later_is_brought_by_the_next_copy_and_nothing_else_is(pair: Pair) -> None:
    pair.source.attach(pair.repository, pair.image, b"{1}", PREDICATE, CREATED)
    pair.copy()
    pair.source.attach(pair.repository, pair.image, b"later", PREDICATE, CREATED)
    copied = pair.copy()
    # The bundle; the empty config is there already, and so is all the rest.
    assert copied == Copied(manifests=1, sent=1, bytes_sent=len(b"later"))
    assert sorted(pair.target.bundles(f"{pair.repository}/prod", pair.image)) == [b"later", b"{1}"]


def test_the_fake_copies_as_the_real_ones_do() -> None:
    source, target = FakeRegistry(), FakeRegistry()
    subject = source.push_artifact("some/app", "application/vnd.example", b"{1}", [("text/plain", b"layer")], {})
    source.attach("some/app", subject, b"bundle", PREDICATE, CREATED)
    first = source.copy("some/app", subject, "prod/app", target)
    assert (first.manifests, first.mounted, first.sent > 0) == (2, 0, True)
    assert target.bundles("prod/app", subject) == (b"bundle",)
    assert source.copy("some/app", subject, "prod/app", target) == Copied()
    assert source.copy("some/app", subject, "prod/app").sent == 0


def test_a_copy_that_broke_goes_on_with_what_is_missing(plain_pair: Pair) -> None:
    plain_pair.at_target.delay(0, method="PUT", path="/blobs/uploads/")
    plain_pair.at_target.answer(503, method="PUT", path="/blobs/uploads/", times=99)
    with pytest.raises(Transient, match="503"):
        plain_pair.copy()
    plain_pair.at_target.heal()
    assert plain_pair.target.manifest(f"{plain_pair.repository}/prod", plain_pair.image) is None
    copied = plain_pair.copy()
    assert 0 < copied.sent < len(plain_pair.layers) + 1
    done = [one.path.partition("digest=")[2] for one in plain_pair.at_target.seen if one.method == "PUT" and one.status == 201]
    blobs = [digest for digest in done if digest]
    assert len(blobs) == len(set(blobs)) == len(plain_pair.layers) + 1, "config and layers, each once"


@pytest.mark.parametrize("where", ["at_source", "at_target"])
@pytest.mark.parametrize("status", [503, 0], ids=["503", "dropped"])
def test_a_fault_of_either_registry_at_any_request_is_transient_and_the_copy_is_whole_in_the_end(
    plain_pair: Pair, where: str, status: int
) -> None:
    plain_pair.source.attach(plain_pair.repository, plain_pair.image, b"{1}", PREDICATE, CREATED)
    # What was copied stays, so there is less to do each time.
    assert strike_each_request_of(plain_pair.copy, getattr(plain_pair, where), status) > 1
    target = f"{plain_pair.repository}/prod"
    assert plain_pair.target.bundles(target, plain_pair.image) == (b"{1}",)
    for layer in plain_pair.layers:
        assert plain_pair.target.blob(target, layer.digest) == layer.file.read_bytes()


def test_a_target_that_denies_is_refused_at_once_naming_it_and_the_repository(plain_pair: Pair) -> None:
    plain_pair.at_target.answer(403, method="POST", times=99)
    reason = rf"{plain_pair.at_target.address}: pushing the blob .* denied .*may push {plain_pair.repository}/prod"
    with pytest.raises(Refused, match=reason):
        plain_pair.copy()
    assert plain_pair.target.manifest(f"{plain_pair.repository}/prod", plain_pair.image) is None


def test_a_layer_that_is_damaged_at_the_source_never_becomes_one_of_the_target(pair: Pair) -> None:
    damaged = pair.layers[1].digest
    file = pair.source_files.blob_file(damaged)
    file.write_bytes(flipped(file.read_bytes()))
    with pytest.raises((Refused, Transient), match=f"other content than {damaged}"):
        pair.copy()
    target = f"{pair.repository}/prod"
    assert pair.target.manifest(target, pair.image) is None
    with pytest.raises(Refused):
        pair.target.blob(target, damaged)


def test_a_login_that_runs_out_in_between_begins_the_blob_again(
    request: pytest.FixtureRequest, tokens_registry: RealRegistry, tmp_path: Path
) -> None:
    tokens = tokens_registry.tokens
    assert tokens is not None
    for pair in paired(request, ("plain", "tokens"), tmp_path):
        scope = f"repository:{pair.repository}/prod:pull,push"
        challenge = f'Bearer realm="{tokens.realm}",service="registry.test",scope="{scope}"'
        fault = pair.at_target.answer(401, method="PUT", path="/blobs/uploads/", headers={"WWW-Authenticate": challenge})
        assert pair.copy().sent == len(pair.layers) + 1
        assert fault.struck == 1


def test_a_large_layer_is_copied_without_holding_it_in_memory(plain_pair: Pair, tmp_path: Path) -> None:
    size = 48 * 1024 * 1024
    layer = layer_of(tmp_path, bytes(size))
    large = OciImage(config=b"{}", layers=(layer,), annotations={})
    image = plain_pair.source.push_image(plain_pair.repository, large, lambda _: None)
    target = f"{plain_pair.repository}/elsewhere"
    # Past the proxies, which are in this process too.
    with ExitStack() as stack:
        settings = RegistrySettings(address=plain_pair.source_files.address, plain_http=True)
        source, into = (stack.enter_context(open_registry(settings, None)) for _ in ("source", "target"))
        tracemalloc.start()
        copied = source.copy(plain_pair.repository, image, target, into)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert copied.bytes_sent == size + 2
    assert peak < size / 8


def test_what_another_tool_attached_comes_along_and_what_it_listed_at_the_target_stays(plain_pair: Pair) -> None:
    target = f"{plain_pair.repository}/prod"
    plain_pair.copy()
    plain_pair.target.attach(target, plain_pair.image, b"at the target alone", PREDICATE, CREATED)
    plain_pair.source.attach(plain_pair.repository, plain_pair.image, b"{1}", PREDICATE, CREATED)
    plain_pair.copy()
    assert sorted(plain_pair.target.bundles(target, plain_pair.image)) == [b"at the target alone", b"{1}"]
    assert plain_pair.target.resolve(target, referrers_tag(plain_pair.image)) is not None


GONE = descriptor(MANIFEST_TYPE, b"gone")


@pytest.mark.parametrize(
    "entries",
    [
        [GONE],
        [GONE | {"artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"}],
        [descriptor(INDEX_TYPE, b"an index that is gone")],
        [GONE | {"digest": "sha512:0"}],
        [{"size": "x"}],
        [descriptor(MANIFEST_TYPE, str(number).encode()) for number in range(20)],
    ],
    ids=["gone", "a bundle", "an index", "another digest", "no entry", "many"],
)
def test_what_is_listed_and_gone_is_passed_over_as_it_is_when_evidence_is_read(
    plain_pair: Pair, entries: list[dict[str, Any]]
) -> None:
    source, repository = plain_pair.source, plain_pair.repository
    source.attach(repository, plain_pair.image, b"{1}", PREDICATE, CREATED)
    present = source._manifests.get(repository, referrers_tag(plain_pair.image))
    assert present is not None
    listed = [*entries, *json.loads(present.content)["manifests"]]
    path = f"/manifests/{referrers_tag(plain_pair.image)}"
    plain_pair.at_source.answer(200, path=path, headers={"Content-Type": INDEX_TYPE}, body=index(listed), times=4)
    assert source.bundles(repository, plain_pair.image) == (b"{1}",)
    plain_pair.copy()
    assert plain_pair.target.bundles(f"{repository}/prod", plain_pair.image) == (b"{1}",)
