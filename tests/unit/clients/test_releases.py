"""The release store, over a registry in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pratique.clients import releases
from pratique.clients.registry.documents import EMPTY, EMPTY_TYPE, read_document
from pratique.decisions.bundle import pack
from pratique.errors import Refused
from pratique.values.digest import Digest, canonical_json, digest_of
from pratique.values.references import ImageReference
from pratique.values.release import (
    INFRASTRUCTURE_TYPE,
    OUTDATED_TYPES,
    RELEASE_TYPE,
    Release,
    ReleasedImage,
    StoredRelease,
    commit_tag,
)
from tests.fakes.registry import FakeRegistry
from tests.fakes.stored_release import stored_release

BUNDLE = pack({"pratique.yaml": b"service: hello\n"})
COMMIT = stored_release().release.commit.id
REPOSITORY, INFRASTRUCTURE = "hello/releases", "hello/infrastructure"
BUNDLED = releases.store_infrastructure(FakeRegistry(), "hello", BUNDLE)
"""The digest of the artifact that holds the bundle: the same in every registry."""


def release_of(**changes: Any) -> Release:
    return stored_release().release.model_copy(update={"infrastructure": BUNDLED} | changes)


def store(registry: FakeRegistry, **changes: Any) -> StoredRelease:
    releases.store_infrastructure(registry, "hello", BUNDLE)
    return releases.store(registry, release_of(**changes))


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


def test_a_stored_release_is_read_found_and_brings_its_bundle(registry: FakeRegistry) -> None:
    stored = store(registry)
    assert releases.read(registry, "hello", stored.digest) == stored
    assert releases.find(registry, "hello", COMMIT) == stored
    assert releases.infrastructure(registry, stored) == BUNDLE
    found_by = {where: digest for where, digest in registry.tagged.items() if not where[1].startswith("kept-")}
    assert found_by == {(REPOSITORY, commit_tag(COMMIT)): stored.digest}


def test_the_same_release_has_the_same_digest_everywhere_and_another_one_another(registry: FakeRegistry) -> None:
    first = store(registry)
    assert store(registry) == first
    assert store(FakeRegistry()) == first
    other = ReleasedImage(name="web", reference=ImageReference(repository="hello/images/web", digest=digest_of(b"other")))
    assert store(registry, images=(other,)).digest != first.digest


def test_the_bundle_is_an_artifact_of_its_own_and_the_release_has_no_content_besides_its_config(registry: FakeRegistry) -> None:
    stored = store(registry)
    bundle, release = (
        read_document(registry.manifests[repository, digest].content)
        for repository, digest in ((INFRASTRUCTURE, BUNDLED), (REPOSITORY, stored.digest))
    )
    assert bundle is not None
    assert bundle.config is not None
    assert (bundle.artifact_type, bundle.config.media_type) == (INFRASTRUCTURE_TYPE, EMPTY_TYPE)
    assert [(layer.media_type, layer.digest) for layer in bundle.layers] == [(INFRASTRUCTURE_TYPE, digest_of(BUNDLE))]
    assert release is not None
    assert [(layer.media_type, layer.digest) for layer in release.layers] == [(EMPTY_TYPE, digest_of(EMPTY))]
    assert (REPOSITORY, digest_of(BUNDLE)) not in registry.blobs


def test_a_release_whose_bundle_is_not_there_is_not_stored(registry: FakeRegistry) -> None:
    with pytest.raises(Refused, match=f"the infrastructure bundle hello/infrastructure@{BUNDLED} is not in the registry"):
        releases.store(registry, release_of())
    assert registry.manifests == {}


def test_a_commit_that_was_never_released_has_none(registry: FakeRegistry) -> None:
    assert releases.find(registry, "hello", COMMIT) is None


def test_a_tag_that_was_moved_to_another_commits_release_is_refused(registry: FakeRegistry) -> None:
    stored = store(registry)
    registry.tag(REPOSITORY, stored.digest, commit_tag("f" * 40))
    with pytest.raises(Refused, match="somebody moved the tag"):
        releases.find(registry, "hello", "f" * 40)


def _push(
    registry: FakeRegistry,
    *,
    kind: str = RELEASE_TYPE,
    config: bytes | None = None,
    layers: list[tuple[str, bytes]] | None = None,
) -> Digest:
    releases.store_infrastructure(registry, "hello", BUNDLE)
    config = canonical_json(release_of().model_dump(mode="json")) if config is None else config
    return registry.push_artifact(REPOSITORY, kind, config, [(EMPTY_TYPE, EMPTY)] if layers is None else layers, {})


def _with(**changes: Any) -> bytes:
    return canonical_json(release_of().model_dump(mode="json") | changes)


def _bundled_as(kind: str, *layers: tuple[str, bytes]) -> Callable[[FakeRegistry], Digest]:
    """Pushes a release whose infrastructure bundle is an artifact of that kind and with those layers."""

    def push(registry: FakeRegistry) -> Digest:
        digest = registry.push_artifact(INFRASTRUCTURE, kind, None, layers, {})
        return _push(registry, config=_with(infrastructure=digest))

    return push


@pytest.mark.parametrize(
    ("push", "reason"),
    [
        (lambda registry: digest_of(b"never pushed"), "is not in the registry"),
        (lambda registry: _push(registry, kind="application/vnd.oci.image.config.v1+json"), "is no release"),
        (lambda registry: _push(registry, kind=OUTDATED_TYPES[0]), "is not read any more: deliver its commit again"),
        (lambda registry: _push(registry, layers=[]), "must have one layer"),
        (lambda registry: _push(registry, layers=[("text/plain", EMPTY)]), "must have one layer"),
        (lambda registry: _push(registry, layers=[(EMPTY_TYPE, b"content")]), "must have one layer"),
        (lambda registry: _push(registry, layers=[(EMPTY_TYPE, EMPTY), (INFRASTRUCTURE_TYPE, BUNDLE)]), "must have one layer"),
        (lambda registry: _push(registry, config=b"no json"), "wrong: the whole"),
        (lambda registry: _push(registry, config=_with(images=[], surprise=1)), "wrong: images, surprise"),
        (lambda registry: _push(registry, config=_with(format="pratique.release/v1")), "wrong: format"),
        (lambda registry: _push(registry, config=_with(service="other")), "is a release of other, not of hello"),
        (
            lambda registry: _push(registry, config=_with(infrastructure=digest_of(b"elsewhere"))),
            f"infrastructure bundle hello/infrastructure@{digest_of(b'elsewhere')} is not in the registry",
        ),
        (_bundled_as(RELEASE_TYPE, (INFRASTRUCTURE_TYPE, BUNDLE)), "is no infrastructure bundle"),
        (_bundled_as(INFRASTRUCTURE_TYPE), "malformed infrastructure bundle: it must have one layer"),
        (_bundled_as(INFRASTRUCTURE_TYPE, ("text/plain", BUNDLE)), "malformed infrastructure bundle: it must have one layer"),
        (
            _bundled_as(INFRASTRUCTURE_TYPE, (INFRASTRUCTURE_TYPE, BUNDLE), (INFRASTRUCTURE_TYPE, b"")),
            "malformed infrastructure bundle: it must have one layer",
        ),
    ],
)
def test_what_is_no_release_of_the_service_is_refused(
    registry: FakeRegistry, push: Callable[[FakeRegistry], Digest], reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        releases.read(registry, "hello", push(registry))


def test_a_commit_whose_release_is_not_read_any_more_is_to_be_released_again(registry: FakeRegistry) -> None:
    outdated = _push(registry, kind=OUTDATED_TYPES[0])
    registry.tag(REPOSITORY, outdated, commit_tag(COMMIT))
    assert releases.find(registry, "hello", COMMIT) is None
    again = store(registry)
    assert releases.find(registry, "hello", COMMIT) == again


def test_a_config_of_another_type_than_the_artifact_is_refused(registry: FakeRegistry) -> None:
    digest = _push(registry)
    stored = registry.manifests[REPOSITORY, digest]
    document = json.loads(stored.content)
    document["config"]["mediaType"] = "application/json"
    content = canonical_json(document)
    changed = stored.model_copy(update={"digest": digest_of(content), "content": content})
    registry.manifests[REPOSITORY, changed.digest] = changed
    with pytest.raises(Refused, match="must both be"):
        releases.read(registry, "hello", changed.digest)


@pytest.mark.parametrize(
    ("part", "read"),
    [
        (lambda stored: digest_of(BUNDLE), releases.infrastructure),
        (lambda stored: BUNDLED, lambda registry, stored: releases.read(registry, "hello", stored.digest)),
        (lambda stored: BUNDLED, releases.infrastructure),
        (lambda stored: stored.digest, lambda registry, stored: releases.read(registry, "hello", stored.digest)),
    ],
    ids=["bundle", "its manifest, read with the release", "its manifest", "release"],
)
def test_a_damaged_release_or_bundle_is_refused(
    registry: FakeRegistry,
    part: Callable[[StoredRelease], Digest],
    read: Callable[[FakeRegistry, StoredRelease], object],
) -> None:
    stored = store(registry)
    read(registry, stored)
    registry.tamper(part(stored))
    with pytest.raises(Refused, match="other content"):
        read(registry, stored)
