"""The release store: releases as artifacts of their own in the OCI registry, so that what belongs together moves as one.

    digest = store_infrastructure(registry, "hello", bundle)    # the same files have the same digest, whichever commit's
    stored = store(registry, release)                           # … and the same release, wherever it is stored
    assert read(registry, "hello", stored.digest) == stored

A release's config is the release as canonical JSON; it names its images and its infrastructure bundle by the digests of
their manifests, and has no content besides. The infrastructure bundle is the one layer of its artifact.
"""

from __future__ import annotations

from datetime import UTC

from pydantic import ValidationError

from pratique.clients.ports import Registry, RegistryReading, StoredManifest
from pratique.clients.registry.documents import EMPTY, EMPTY_TYPE, Document, read_document
from pratique.errors import Refused
from pratique.values.digest import Digest, canonical_json, digest_of
from pratique.values.references import ImageReference
from pratique.values.release import (
    INFRASTRUCTURE_TYPE,
    OUTDATED_TYPES,
    RELEASE_TYPE,
    Release,
    StoredRelease,
    commit_tag,
    infrastructure_repository,
    release_repository,
)


class Gone(Refused):
    """A part of a release that is not in the registry any more."""


def store_infrastructure(registry: Registry, service: str, bundle: bytes) -> Digest:
    """The digest by which a release names its infrastructure bundle, which is stored; storing it again is harmless."""
    return registry.push_artifact(
        infrastructure_repository(service),
        INFRASTRUCTURE_TYPE,
        None,
        [(INFRASTRUCTURE_TYPE, bundle)],
        {"org.opencontainers.image.title": service},
    )


def store(registry: Registry, release: Release) -> StoredRelease:
    """The release as stored, and found from now on by its commit; refused where its infrastructure bundle is not there."""
    _layer_of(registry, ImageReference(repository=infrastructure_repository(release.service), digest=release.infrastructure))
    repository = release_repository(release.service)
    digest = registry.push_artifact(
        repository,
        RELEASE_TYPE,
        canonical_json(release.model_dump(mode="json", by_alias=True)),
        # What the OCI image specification asks of an artifact that has no content but its config.
        [(EMPTY_TYPE, EMPTY)],
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
    """The release of a commit, or None, also where it is to be made again: of a version not read any more, or in part gone.

    A tag that names another commit's release is refused.
    """
    tag, repository = commit_tag(commit_id), release_repository(service)
    digest = registry.resolve(repository, tag)
    if digest is None or _is_outdated(registry.manifest(repository, digest)) or registry.missing(repository, digest):
        return None
    try:
        stored = read(registry, service, digest)
    except Gone:
        return None
    if stored.release.commit.id != commit_id:
        raise Refused(
            f"{repository}:{tag} names the release of another commit ({stored.release.commit.id}): "
            "somebody moved the tag; remove it, and release the commit again"
        )
    return stored


def read(registry: RegistryReading, service: str, digest: Digest) -> StoredRelease:
    """The release of that digest; refused where there is none, or where what is there is not a release of `service`."""
    place = f"{release_repository(service)}@{digest}"
    stored = registry.manifest(release_repository(service), digest)
    if stored is None:
        raise Refused(f"{place} is not in the registry: `pratique releases` lists those that are")
    if _is_outdated(stored):
        raise Refused(f"{place} is a release of a version that is not read any more: deliver its commit again")
    config = registry.blob(release_repository(service), _config_of(stored, place))
    try:
        release = Release.model_validate_json(config)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, problem["loc"])) or "the whole" for problem in error.errors())
        raise Refused(f"{place} holds no release that can be read (wrong: {where}): release the commit again") from None
    if release.service != service:
        raise Refused(f"{place} is a release of {release.service}, not of {service}")
    found = StoredRelease(digest=digest, release=release)
    _layer_of(registry, found.infrastructure)
    return found


def infrastructure(registry: RegistryReading, stored: StoredRelease) -> bytes:
    """The infrastructure bundle that the release names; `pratique.decisions.bundle.unpack` reads it."""
    layer = _layer_of(registry, stored.infrastructure)
    content = registry.blob(stored.infrastructure.repository, layer)
    if digest_of(content) != layer:
        raise Refused(f"{stored.reference}: the registry returned another infrastructure bundle than the release names")
    return content


def _config_of(stored: StoredManifest, place: str) -> Digest:
    """The digest of the config, where the manifest is a release's."""
    document = read_document(stored.content)
    config = document.config if document else None
    if document is None or config is None or (document.artifact_type, config.media_type) != (RELEASE_TYPE, RELEASE_TYPE):
        raise Refused(f"{place} is no release: its artifact type and its config's media type must both be {RELEASE_TYPE}")
    if _layers(document) != [(EMPTY_TYPE, digest_of(EMPTY))]:
        raise Refused(f"{place} is a malformed release: it must have one layer, the empty one of type {EMPTY_TYPE}")
    return config.digest


def _layer_of(registry: RegistryReading, reference: ImageReference) -> Digest:
    """The digest of the bundle itself, where the manifest is an infrastructure bundle's."""
    stored = registry.manifest(reference.repository, reference.digest)
    if stored is None:
        raise Gone(f"the infrastructure bundle {reference} is not in the registry: deliver the commit again")
    document = read_document(stored.content)
    if document is None or document.artifact_type != INFRASTRUCTURE_TYPE:
        raise Refused(f"{reference} is no infrastructure bundle: its artifact type must be {INFRASTRUCTURE_TYPE}")
    if [media_type for media_type, _ in _layers(document)] != [INFRASTRUCTURE_TYPE]:
        raise Refused(
            f"{reference} is a malformed infrastructure bundle: it must have one layer, of type {INFRASTRUCTURE_TYPE}"
        )
    return document.layers[0].digest


def _layers(document: Document) -> list[tuple[str, Digest]]:
    return [(layer.media_type, layer.digest) for layer in document.layers]


def _is_outdated(stored: StoredManifest | None) -> bool:
    document = read_document(stored.content) if stored else None
    return document is not None and document.artifact_type in OUTDATED_TYPES
