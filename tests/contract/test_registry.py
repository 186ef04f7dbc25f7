"""The contract of the port `Registry`, kept by the fake and by every kind of real registry."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pratique.clients.ports import Copied, LayerFile, OciImage, Registry
from pratique.clients.registry import open_registry
from pratique.clients.registry.documents import MANIFEST_TYPE, read_document
from pratique.clients.registry.names import keeping_tag
from pratique.errors import Invalid, Refused
from pratique.settings import RegistrySettings
from pratique.values.digest import Digest, canonical_json, digest_of
from tests.fakes.registry import FakeRegistry, flipped
from tests.services.fault_proxy import FaultProxy
from tests.services.registry import REGISTRIES, RealRegistry, fixture_of

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
PREDICATE = "https://slsa.dev/provenance/v1"
CREATED = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
NOWHERE = digest_of(b"nothing has this digest")


@dataclass(frozen=True)
class Arranged:
    """A registry, how many blobs it was sent so far, and a way to damage what it holds."""

    registry: Registry
    uploads: Callable[[], int]
    tamper: Callable[[Digest], None]
    lose: Callable[[str, Digest], None]
    """Takes a blob of a repository away."""


@pytest.fixture(params=["fake", *REGISTRIES])
def arranged(request: pytest.FixtureRequest) -> Iterator[Arranged]:
    if request.param == "fake":
        fake = FakeRegistry()
        yield Arranged(fake, lambda: fake.uploads, fake.tamper, lambda repository, digest: fake.blobs.pop((repository, digest)))
        return
    real: RealRegistry = request.getfixturevalue(fixture_of(request.param))

    def tamper(digest: Digest) -> None:
        file = real.blob_file(digest)
        file.write_bytes(flipped(file.read_bytes()))

    with FaultProxy(f"http://{real.address}") as proxy:
        settings = RegistrySettings(address=proxy.address, plain_http=True)
        with open_registry(settings, real.credentials) as registry:

            def lose(repository: str, digest: Digest) -> None:
                proxy.answer(404, method="HEAD", path=f"/v2/{repository}/blobs/{digest}")

            yield Arranged(registry, lambda: proxy.count("PUT", "/blobs/uploads/"), tamper, lose)


@pytest.fixture
def registry(arranged: Arranged) -> Registry:
    return arranged.registry


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """One of its own for each test: the real registries live as long as the session."""
    return f"contract/t{abs(hash(request.node.nodeid)):x}"


def layer_of(folder: Path, content: bytes) -> LayerFile:
    packed = gzip.compress(content, mtime=0)
    file = folder / digest_of(packed).removeprefix("sha256:")
    file.write_bytes(packed)
    return LayerFile(media_type=LAYER_TYPE, digest=digest_of(packed), size=len(packed), file=file)


def image_of(folder: Path, *layers: bytes, **annotations: str) -> OciImage:
    # Random content, so that no other test has brought it to the registry before.
    parts = tuple(layer_of(folder, content) for content in layers or (os.urandom(100_000), os.urandom(10)))
    config = canonical_json({"architecture": "amd64", "os": "linux", "made": os.urandom(8).hex()})
    return OciImage(config=config, layers=parts, annotations=annotations)


@pytest.fixture
def subject(registry: Registry, repository: str, tmp_path: Path) -> Digest:
    return registry.push_image(repository, image_of(tmp_path), lambda _: None)


def test_an_image_is_pushed_as_an_oci_manifest_under_its_own_digest(
    registry: Registry, repository: str, tmp_path: Path
) -> None:
    image, lines = image_of(tmp_path, source="git.example/hello"), list[str]()
    digest = registry.push_image(repository, image, lines.append)
    stored = registry.manifest(repository, digest)
    assert stored is not None
    assert (stored.digest, digest_of(stored.content), stored.media_type) == (digest, digest, MANIFEST_TYPE)
    document = read_document(stored.content)
    assert document is not None
    assert document.config is not None
    assert registry.blob(repository, document.config.digest) == image.config
    assert [layer.digest for layer in document.layers] == [layer.digest for layer in image.layers]
    assert registry.blob(repository, image.layers[0].digest) == image.layers[0].file.read_bytes()
    assert b'"source":"git.example/hello"' in stored.content
    assert any(image.layers[0].digest in line for line in lines)


def test_pushing_the_same_image_twice_moves_nothing_twice(arranged: Arranged, repository: str, tmp_path: Path) -> None:
    image = image_of(tmp_path)
    digest = arranged.registry.push_image(repository, image, lambda _: None)
    sent = arranged.uploads()
    assert sent == 3
    assert arranged.registry.push_image(repository, image, lambda _: None) == digest
    other = image.model_copy(update={"annotations": {"another": "manifest"}})
    assert arranged.registry.push_image(repository, other, lambda _: None) != digest
    assert arranged.uploads() == sent


def test_a_layer_that_occurs_twice_is_sent_once(arranged: Arranged, repository: str, tmp_path: Path) -> None:
    same = os.urandom(100)
    digest = arranged.registry.push_image(repository, image_of(tmp_path, same, same), lambda _: None)
    assert arranged.uploads() == 2
    assert arranged.registry.manifest(repository, digest) is not None


def test_a_layer_that_is_not_what_it_says_is_refused(registry: Registry, repository: str, tmp_path: Path) -> None:
    image = image_of(tmp_path)
    image.layers[0].file.write_bytes(flipped(image.layers[0].file.read_bytes()))
    with pytest.raises(Refused):
        registry.push_image(repository, image, lambda _: None)


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"short")])
def test_a_layer_whose_file_is_gone_or_cut_off_names_the_file(
    registry: Registry, repository: str, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    image = image_of(tmp_path)
    damage(image.layers[0].file)
    with pytest.raises(Invalid, match=str(image.layers[0].file)):
        registry.push_image(repository, image, lambda _: None)


def test_an_artifact_says_its_kind_and_has_the_same_digest_from_the_same_input(arranged: Arranged, repository: str) -> None:
    kind, config = "application/vnd.example.thing.v1+json", os.urandom(8).hex().encode()

    def push(where: str) -> Digest:
        return arranged.registry.push_artifact(where, kind, config, [("text/plain", b"layer")], {"a": "b"})

    digest = push(repository)
    sent = arranged.uploads()
    assert push(repository) == digest
    assert arranged.uploads() == sent
    assert push(f"{repository}/elsewhere") == digest
    stored = arranged.registry.manifest(repository, digest)
    assert stored is not None
    document = read_document(stored.content)
    assert document is not None
    assert document.config is not None
    assert (document.artifact_type, document.config.media_type) == (kind, kind)
    assert arranged.registry.blob(repository, document.config.digest) == config


def test_what_is_not_there_is_none_or_refused(registry: Registry, repository: str, subject: Digest) -> None:
    assert registry.manifest(repository, NOWHERE) is None
    assert registry.manifest(f"{repository}/nowhere", subject) is None
    assert registry.resolve(repository, "nothing") is None
    assert registry.resolve(f"{repository}/nowhere", "nothing") is None
    with pytest.raises(Refused, match=NOWHERE):
        registry.blob(repository, NOWHERE)
    with pytest.raises(Refused, match=NOWHERE):
        registry.tag(repository, NOWHERE, "latest")
    with pytest.raises(Refused, match=NOWHERE):
        registry.attach(repository, NOWHERE, b"{}", PREDICATE, CREATED)


def test_a_tag_names_a_digest_and_moves(registry: Registry, repository: str, subject: Digest, tmp_path: Path) -> None:
    other = registry.push_image(repository, image_of(tmp_path), lambda _: None)
    registry.tag(repository, subject, "current")
    assert registry.resolve(repository, "current") == subject
    registry.tag(repository, other, "current")
    registry.tag(repository, other, "current")
    assert registry.resolve(repository, "current") == other


def test_tags_are_listed_each_once_and_where_there_are_none_none(registry: Registry, repository: str, subject: Digest) -> None:
    own = keeping_tag(subject)
    assert [tag for tag in registry.tags(repository) if not tag.startswith("sha256-")] == [own]
    assert registry.tags(f"{repository}/nowhere") == ()
    names = [f"commit-{number:02}" for number in range(25)]
    for name in (*names, names[0]):
        registry.tag(repository, subject, name)
    assert sorted(registry.tags(repository)) == [*names, own]


def test_whatever_is_stored_has_a_tag_of_its_own(registry: Registry, repository: str, tmp_path: Path) -> None:
    image = registry.push_image(repository, image_of(tmp_path), lambda _: None)
    artifact = registry.push_artifact(repository, "application/vnd.example", b"{}", [], {})
    bundle = registry.attach(repository, image, b'{"a": 1}', PREDICATE, CREATED)
    other = f"{repository}/copied"
    registry.copy(repository, image, other)
    for place, digest in ((repository, image), (repository, artifact), (repository, bundle), (other, image), (other, bundle)):
        assert registry.resolve(place, keeping_tag(digest)) == digest


def test_of_what_is_there_nothing_is_missing_and_else_it_is_named(
    arranged: Arranged, registry: Registry, repository: str, tmp_path: Path
) -> None:
    image = image_of(tmp_path)
    pushed = registry.push_image(repository, image, lambda _: None)
    assert registry.missing(repository, pushed) == ()
    assert registry.missing(repository, NOWHERE) == (NOWHERE,)
    lost = image.layers[0].digest
    arranged.lose(repository, lost)
    assert registry.missing(repository, pushed) == (lost,)


def test_repositories_are_listed_as_long_as_they_hold_anything(registry: Registry, repository: str, subject: Digest) -> None:
    others = [f"{repository}/r{number}" for number in range(12)]
    for other in others:
        registry.push_artifact(other, "application/vnd.example", subject.encode(), [], {})
    found = registry.repositories()
    assert len(found) == len(set(found))
    assert {repository, *others} <= set(found)


def test_bundles_of_an_unknown_or_bare_subject_are_none(registry: Registry, repository: str, subject: Digest) -> None:
    assert registry.bundles(repository, subject) == ()
    assert registry.bundles(repository, NOWHERE) == ()
    assert registry.bundles(f"{repository}/nowhere", subject) == ()


def test_what_is_attached_is_found_once_however_often_it_is_attached(
    registry: Registry, repository: str, subject: Digest, tmp_path: Path
) -> None:
    digests = [registry.attach(repository, subject, bundle, PREDICATE, CREATED) for bundle in (b"{1}", b"{2}", b"{1}")]
    assert digests[0] == digests[2] != digests[1]
    assert sorted(registry.bundles(repository, subject)) == [b"{1}", b"{2}"]
    other = registry.push_image(repository, image_of(tmp_path), lambda _: None)
    assert registry.bundles(repository, other) == ()


def test_the_same_bundle_attached_at_another_time_is_another_referrer_and_still_one_bundle(
    registry: Registry, repository: str, subject: Digest
) -> None:
    first = registry.attach(repository, subject, b"{}", PREDICATE, CREATED)
    assert registry.attach(repository, subject, b"{}", PREDICATE, CREATED.replace(year=2027)) != first
    assert registry.bundles(repository, subject) == (b"{}",)


def test_a_referrer_can_have_referrers(registry: Registry, repository: str, subject: Digest) -> None:
    referrer = registry.attach(repository, subject, b"{1}", PREDICATE, CREATED)
    registry.attach(repository, referrer, b"{2}", PREDICATE, CREATED)
    assert registry.bundles(repository, subject) == (b"{1}",)
    assert registry.bundles(repository, referrer) == (b"{2}",)


def test_attaching_from_many_threads_at_once_loses_nothing(registry: Registry, repository: str, subject: Digest) -> None:
    bundles = [b"{%d}" % number for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda bundle: registry.attach(repository, subject, bundle, PREDICATE, CREATED), bundles))
    assert sorted(registry.bundles(repository, subject)) == sorted(bundles)


def test_a_damaged_blob_is_refused(arranged: Arranged, repository: str) -> None:
    content = os.urandom(64)
    arranged.registry.push_artifact(repository, "application/vnd.example", content, [], {})
    arranged.tamper(digest_of(content))
    with pytest.raises(Refused, match=f"other content than {digest_of(content)}"):
        arranged.registry.blob(repository, digest_of(content))


def test_a_damaged_bundle_is_refused_and_not_passed_over(arranged: Arranged, repository: str, subject: Digest) -> None:
    bundle = os.urandom(64)
    arranged.registry.attach(repository, subject, bundle, PREDICATE, CREATED)
    arranged.tamper(digest_of(bundle))
    with pytest.raises(Refused, match=f"other content than {digest_of(bundle)}"):
        arranged.registry.bundles(repository, subject)


def test_a_copy_has_the_same_digest_its_evidence_and_its_blobs(registry: Registry, repository: str, tmp_path: Path) -> None:
    image = image_of(tmp_path)
    digest = registry.push_image(repository, image, lambda _: None)
    referrer = registry.attach(repository, digest, b"{1}", PREDICATE, CREATED)
    registry.attach(repository, referrer, b"{2}", PREDICATE, CREATED)
    target = f"{repository}/prod"
    for _ in ("once", "again"):
        registry.copy(repository, digest, target)
        assert registry.manifest(target, digest) == registry.manifest(repository, digest)
        assert registry.blob(target, image.layers[0].digest) == image.layers[0].file.read_bytes()
        assert registry.bundles(target, digest) == (b"{1}",)
        assert registry.bundles(target, referrer) == (b"{2}",)


def test_a_blob_that_a_copy_has_lost_is_brought_again(arranged: Arranged, repository: str, tmp_path: Path) -> None:
    registry, image, target = arranged.registry, image_of(tmp_path), f"{repository}/prod"
    digest = registry.push_image(repository, image, lambda _: None)
    registry.copy(repository, digest, target)
    assert registry.copy(repository, digest, target) == Copied()
    arranged.lose(target, image.layers[0].digest)
    brought = registry.copy(repository, digest, target)
    assert brought.mounted + brought.sent > 0
    assert registry.missing(target, digest) == ()


def test_what_is_not_there_is_not_copied(registry: Registry, repository: str) -> None:
    with pytest.raises(Refused, match=NOWHERE):
        registry.copy(repository, NOWHERE, f"{repository}/prod")


@pytest.mark.parametrize(
    "ask",
    [
        lambda registry: registry.resolve("Hello", "tag"),
        lambda registry: registry.resolve("hello/../other", "tag"),
        lambda registry: registry.resolve("hello?x=y", "tag"),
        lambda registry: registry.resolve("hello", "no tag"),
        lambda registry: registry.resolve("hello", "../blobs/uploads"),
        lambda registry: registry.resolve("hello", "tag\n"),
        lambda registry: registry.manifest("hello", "latest"),
        lambda registry: registry.manifest("hello", NOWHERE.upper()),
        lambda registry: registry.blob("hello", NOWHERE + "\n"),
        lambda registry: registry.bundles("hello", "sha256:0"),
        lambda registry: registry.tag("hello", NOWHERE, "-option"),
        lambda registry: registry.tags("hello/../other"),
        lambda registry: registry.copy("hello", "sha256:..", "other"),
    ],
)
def test_names_that_are_none_never_become_part_of_a_request(arranged: Arranged, ask: Callable[[Registry], object]) -> None:
    with pytest.raises(Invalid):
        ask(arranged.registry)
