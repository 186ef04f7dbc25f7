"""What a release needs outlives what a registry clears away: manifests without a tag, and blobs that no manifest names."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pratique.clients.registry import OciRegistry, open_registry
from pratique.local.process import Processes, free_port
from pratique.local.registry import start_registry
from pratique.settings import RegistrySettings
from tests.contract.test_registry import image_of

PREDICATE = "https://slsa.dev/provenance/v1"
CREATED = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class Cleared:
    """A registry of the test's own, and its operator."""

    def __init__(self, registry: OciRegistry, configuration: Path) -> None:
        self.registry, self._configuration = registry, configuration

    def collect_garbage(self) -> str:
        """What `registry garbage-collect` says, told to delete what has no tag; it has to come to its end."""
        program = shutil.which("docker-registry")
        assert program is not None
        done = subprocess.run(
            [program, "garbage-collect", "--delete-untagged", str(self._configuration)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def cleared(tmp_path: Path) -> Iterator[Cleared]:
    processes, folder = Processes(tmp_path / "processes"), tmp_path / "registry"
    address = start_registry(processes, folder, free_port())
    try:
        with open_registry(RegistrySettings(address=address, plain_http=True), None) as registry:
            yield Cleared(registry, folder / "config.yml")
    finally:
        processes.stop("registry")


def test_images_bundles_and_evidence_are_kept_by_their_tags(cleared: Cleared, tmp_path: Path) -> None:
    registry = cleared.registry
    image = registry.push_image("hello/images/web", image_of(tmp_path), lambda _: None)
    infrastructure = registry.push_artifact("hello/infrastructure", "application/vnd.example", None, [("a/b", b"files")], {})
    registry.attach("hello/images/web", image, b'{"a": 1}', PREDICATE, CREATED)
    registry.copy("hello/images/web", image, "prod/hello/images/web")
    assert "manifest eligible for deletion" not in cleared.collect_garbage()
    for repository, digest in (
        ("hello/images/web", image),
        ("hello/infrastructure", infrastructure),
        ("prod/hello/images/web", image),
    ):
        assert registry.missing(repository, digest) == ()
    assert registry.bundles("hello/images/web", image) == registry.bundles("prod/hello/images/web", image) == (b'{"a": 1}',)


def test_what_was_taken_nevertheless_is_sent_again(cleared: Cleared, tmp_path: Path) -> None:
    registry, image = cleared.registry, image_of(tmp_path)
    pushed = registry.push_image("hello/images/web", image, lambda _: None)
    blobs = (tmp_path / "registry").rglob(f"{image.layers[0].digest.removeprefix('sha256:')}")
    for place in list(blobs):
        shutil.rmtree(place)
    assert registry.missing("hello/images/web", pushed) == (image.layers[0].digest,)
    assert registry.push_image("hello/images/web", image, lambda _: None) == pushed
    assert registry.missing("hello/images/web", pushed) == ()


def test_what_was_taken_from_a_copy_is_brought_by_the_next_one(cleared: Cleared, tmp_path: Path) -> None:
    registry, image = cleared.registry, image_of(tmp_path)
    pushed = registry.push_image("hello/images/web", image, lambda _: None)
    registry.copy("hello/images/web", pushed, "prod/web")
    lost = image.layers[0].digest
    (copy,) = (tmp_path / "registry").rglob("repositories/prod/web")
    for place in list(copy.rglob(lost.removeprefix("sha256:"))):
        shutil.rmtree(place)
    assert registry.missing("prod/web", pushed) == (lost,)
    registry.copy("hello/images/web", pushed, "prod/web")
    assert registry.missing("prod/web", pushed) == ()
