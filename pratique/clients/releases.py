"""The release store: releases as artifacts of their own in the OCI registry, so that what belongs together moves as one.

    stored = store(registry, release, bundle)      # the same release has the same digest, wherever it is stored
    assert read(registry, "hello", stored.digest) == stored

The artifact's config is the release as canonical JSON, its one layer is the infrastructure bundle.
"""

from __future__ import annotations

from datetime import UTC

from pydantic import ValidationError

from pratique.clients.ports import Registry, StoredManifest
from pratique.clients.registry.documents import read_document
from pratique.errors import Refused
from pratique.values.digest import Digest, canonical_json, digest_of
from pratique.values.release import (
    INFRASTRUCTURE_TYPE,
    RELEASE_TYPE,
    Release,
    StoredRelease,
    commit_tag,
    release_repository,
)


def store(registry: Registry, release: Release, bundle: bytes) -> StoredRelease:
    """The release as stored, and found from now on by its commit; storing it again is harmless."""
    if digest_of(bundle) != release.infrastructure:
        raise Refused(
            f"the release of {release.service} names the infrastructure bundle {release.infrastructure}, "
            f"but the one given is {digest_of(bundle)}: pack the bundle of the release's own commit"
        )
    repository = release_repository(release.service)
    digest = registry.push_artifact(
        repository,
        RELEASE_TYPE,
        canonical_json(release.model_dump(mode="json", by_alias=True)),
        [(INFRASTRUCTURE_TYPE, bundle)],
        {
            "org.opencontainers.image.title": release.service,
            "org.opencontainers.image.source": release.commit.repository,
            "org.opencontainers.image.revision": release.commit.id,
            "org.opencontainers.image.created": release.commit.committed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    )
    registry.tag(repository, digest, commit_tag(release.commit.id))
    return StoredRelease(digest=digest, release=release)


def find(registry: Registry, service: str, commit_id: str) -> StoredRelease | None:
    """The release of a commit, or None; a tag that names another commit's release is refused."""
    tag = commit_tag(commit_id)
    digest = registry.resolve(release_repository(service), tag)
    if digest is None:
        return None
    stored = read(registry, service, digest)
    if stored.release.commit.id != commit_id:
        raise Refused(
            f"{release_repository(service)}:{tag} names the release of another commit ({stored.release.commit.id}): "
            "somebody moved the tag; remove it, and release the commit again"
        )
    return stored


def read(registry: Registry, service: str, digest: Digest) -> StoredRelease:
    """The release of that digest; refused where there is none, or where what is there is not a release of `service`."""
    place = f"{release_repository(service)}@{digest}"
    stored = registry.manifest(release_repository(service), digest)
    if stored is None:
        raise Refused(f"{place} is not in the registry: `pratique releases` lists those that are")
    config_digest, bundle_digest = _parts(stored, place)
    config = registry.blob(release_repository(service), config_digest)
    try:
        release = Release.model_validate_json(config)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, problem["loc"])) or "the whole" for problem in error.errors())
        raise Refused(f"{place} holds no release that can be read (wrong: {where}): release the commit again") from None
    if release.service != service:
        raise Refused(f"{place} is a release of {release.service}, not of {service}")
    if release.infrastructure != bundle_digest:
        raise Refused(f"{place} carries another infrastructure bundle than the release names: release the commit again")
    return StoredRelease(digest=digest, release=release)


def infrastructure(registry: Registry, stored: StoredRelease) -> bytes:
    """The infrastructure bundle that the release names; `pratique.decisions.bundle.unpack` reads it."""
    content = registry.blob(stored.reference.repository, stored.release.infrastructure)
    if digest_of(content) != stored.release.infrastructure:
        raise Refused(f"{stored.reference}: the registry returned another infrastructure bundle than the release names")
    return content


def _parts(stored: StoredManifest, place: str) -> tuple[Digest, Digest]:
    """The digests of the config and of the bundle, where the manifest is a release's."""
    document = read_document(stored.content)
    config = document.config if document else None
    if document is None or config is None or (document.artifact_type, config.media_type) != (RELEASE_TYPE, RELEASE_TYPE):
        raise Refused(f"{place} is no release: its artifact type and its config's media type must both be {RELEASE_TYPE}")
    if [layer.media_type for layer in document.layers] != [INFRASTRUCTURE_TYPE]:
        raise Refused(f"{place} is a malformed release: it must have one layer, of type {INFRASTRUCTURE_TYPE}")
    return config.digest, document.layers[0].digest
