"""A release as the registry holds it, for tests that need one but do not care which."""

from __future__ import annotations

from datetime import UTC, datetime

from pratique.values.commit import Commit
from pratique.values.digest import digest_of
from pratique.values.manifest import Manifest
from pratique.values.references import ImageReference
from pratique.values.release import Release, ReleasedImage, StoredRelease

COMMIT = Commit(
    repository="https://git.example.test/team/hello.git",
    id="1" * 40,
    author="Ada <ada@example.test>",
    committed_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
    subject="Say hello",
)

MANIFEST = Manifest.model_validate(
    {
        "version": 1,
        "service": "hello",
        "images": [{"name": "web", "args": {"GREETING": "hello"}}, {"name": "job"}],
        "workload": {"image": "web", "port": 8080},
        "checks": [{"name": "healthy", "http": {"path": "/healthz"}}],
        "environments": {"dev": {}, "load": {}, "staging": {"after": ["dev", "load"]}, "prod": {"after": ["staging"]}},
    }
)


def stored_release(commit: Commit = COMMIT) -> StoredRelease:
    """The release `hello` with its two images, made of `commit`."""
    images = tuple(
        ReleasedImage(
            name=section.name,
            reference=ImageReference(repository=f"hello/images/{section.name}", digest=digest_of(section.name.encode())),
        )
        for section in MANIFEST.images
    )
    release = Release(
        service="hello", commit=commit, images=images, infrastructure=digest_of(b"infrastructure"), manifest=MANIFEST
    )
    return StoredRelease(digest=digest_of(release.model_dump_json().encode()), release=release)
