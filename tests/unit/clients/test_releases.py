"""The release store, over a registry in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pratique.clients import releases
from pratique.decisions.bundle import pack
from pratique.errors import Refused
from pratique.values.digest import canonical_json, digest_of
from pratique.values.references import ImageReference
from pratique.values.release import INFRASTRUCTURE_TYPE, RELEASE_TYPE, Release, ReleasedImage, commit_tag
from tests.fakes.registry import FakeRegistry
from tests.fakes.stored_release import stored_release

BUNDLE = pack({"pratique.yaml": b"service: hello\n"})
COMMIT = stored_release().release.commit.id
REPOSITORY = "hello/releases"


def release_of(**changes: Any) -> Release:
    return stored_release().release.model_copy(update={"infrastructure": digest_of(BUNDLE)} | changes)


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


def test_a_stored_release_is_read_found_and_brings_its_bundle(registry: FakeRegistry) -> None:
    stored = releases.store(registry, release_of(), BUNDLE)
    assert releases.read(registry, "hello", stored.digest) == stored
    assert releases.find(registry, "hello", COMMIT) == stored
    assert releases.infrastructure(registry, stored) == BUNDLE
    assert registry.tags == {(REPOSITORY, commit_tag(COMMIT)): stored.digest}


def test_the_same_release_has_the_same_digest_everywhere_and_another_one_another(registry: FakeRegistry) -> None:
    first = releases.store(registry, release_of(), BUNDLE)
    assert releases.store(registry, release_of(), BUNDLE) == first
    assert releases.store(FakeRegistry(), release_of(), BUNDLE) == first
    other = ReleasedImage(name="web", reference=ImageReference(repository="hello/images/web", digest=digest_of(b"other")))
    assert releases.store(registry, release_of(images=(other,)), BUNDLE).digest != first.digest


def test_a_bundle_of_another_commit_is_not_stored(registry: FakeRegistry) -> None:
    with pytest.raises(Refused, match="pack the bundle of the release's own commit"):
        releases.store(registry, release_of(), pack({}))
    assert registry.manifests == {}


def test_a_commit_that_was_never_released_has_none(registry: FakeRegistry) -> None:
    assert releases.find(registry, "hello", COMMIT) is None


def test_a_tag_that_was_moved_to_another_commits_release_is_refused(registry: FakeRegistry) -> None:
    stored = releases.store(registry, release_of(), BUNDLE)
    registry.tag(REPOSITORY, stored.digest, commit_tag("f" * 40))
    with pytest.raises(Refused, match="somebody moved the tag"):
        releases.find(registry, "hello", "f" * 40)


def _push(
    registry: FakeRegistry,
    *,
    kind: str = RELEASE_TYPE,
    config: bytes | None = None,
    layers: list[tuple[str, bytes]] | None = None,
) -> str:
    config = canonical_json(release_of().model_dump(mode="json")) if config is None else config
    layers = [(INFRASTRUCTURE_TYPE, BUNDLE)] if layers is None else layers
    return registry.push_artifact(REPOSITORY, kind, config, layers, {})


def _with(**changes: Any) -> bytes:
    return canonical_json(release_of().model_dump(mode="json") | changes)


@pytest.mark.parametrize(
    ("push", "reason"),
    [
        (lambda registry: digest_of(b"never pushed"), "is not in the registry"),
        (lambda registry: _push(registry, kind="application/vnd.oci.image.config.v1+json"), "is no release"),
        (lambda registry: _push(registry, layers=[]), "must have one layer"),
        (lambda registry: _push(registry, layers=[("text/plain", BUNDLE)]), "must have one layer"),
        (lambda registry: _push(registry, layers=[(INFRASTRUCTURE_TYPE, BUNDLE)] * 2), "must have one layer"),
        (lambda registry: _push(registry, config=b"no json"), "wrong: the whole"),
        (lambda registry: _push(registry, config=_with(images=[], surprise=1)), "wrong: images, surprise"),
        (lambda registry: _push(registry, config=_with(service="other")), "is a release of other, not of hello"),
        (lambda registry: _push(registry, config=_with(infrastructure=digest_of(b""))), "another infrastructure bundle"),
    ],
)
def test_what_is_no_release_of_the_service_is_refused(
    registry: FakeRegistry, push: Callable[[FakeRegistry], str], reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        releases.read(registry, "hello", push(registry))


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


def test_a_damaged_release_or_bundle_is_refused(registry: FakeRegistry) -> None:
    stored = releases.store(registry, release_of(), BUNDLE)
    registry.tamper(digest_of(BUNDLE))
    with pytest.raises(Refused, match="other content"):
        releases.infrastructure(registry, stored)
    registry.tamper(stored.digest)
    with pytest.raises(Refused, match="other content"):
        releases.read(registry, "hello", stored.digest)
