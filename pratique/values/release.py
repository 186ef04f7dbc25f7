"""A release: one commit's images and infrastructure, pinned by digest, and how it is stored."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pratique.values._base import Value
from pratique.values.commit import Commit
from pratique.values.digest import Digest
from pratique.values.manifest import Manifest
from pratique.values.names import Name
from pratique.values.references import ImageReference

RELEASE_TYPE = "application/vnd.pratique.release.v2+json"
"""Artifact type and config media type of a release in an OCI registry."""

OUTDATED_TYPES = ("application/vnd.pratique.release.v1+json",)
"""Those of releases that are not read any more: version 1 carried its infrastructure bundle as a layer of its own."""

INFRASTRUCTURE_TYPE = "application/vnd.pratique.infrastructure.v1.tar+gzip"
"""Artifact type of an infrastructure bundle, and media type of its one layer: `pratique.yaml`, modules and policies."""


class ReleasedImage(Value):
    """One image of a release."""

    name: Name
    reference: ImageReference


class Release(Value):
    """One commit's images and its infrastructure bundle; immutable, promoted by digest, never rebuilt.

    Its own digest is not a field: it is the digest of the OCI manifest that stores it (`StoredRelease`).
    """

    format: Literal["pratique.release/v2"] = "pratique.release/v2"
    service: Name
    commit: Commit
    images: tuple[ReleasedImage, ...] = Field(min_length=1)
    infrastructure: Digest
    """The manifest of the infrastructure bundle, an artifact of its own in `infrastructure_repository`."""
    manifest: Manifest

    def image(self, name: str) -> ImageReference:
        """The reference of the image called `name`."""
        return next(image.reference for image in self.images if image.name == name)


class StoredRelease(Value):
    """A release together with the digest it is known by."""

    digest: Digest
    release: Release

    @property
    def reference(self) -> ImageReference:
        return ImageReference(repository=release_repository(self.release.service), digest=self.digest)

    @property
    def infrastructure(self) -> ImageReference:
        """Where its infrastructure bundle is: the repository follows from the service, so that none can name another's."""
        return ImageReference(repository=infrastructure_repository(self.release.service), digest=self.release.infrastructure)

    @property
    def label(self) -> str:
        """Service, commit and digest, short enough for a run's name."""
        return f"{self.release.service} {self.release.commit.short} ({self.digest[7:19]})"


def release_repository(service: str) -> str:
    """The repository of the registry that holds a service's releases."""
    return f"{service}/releases"


def infrastructure_repository(service: str) -> str:
    """The repository of the registry that holds a service's infrastructure bundles."""
    return f"{service}/infrastructure"


def image_repository(service: str, image: str) -> str:
    """The repository of the registry that holds one image of a service."""
    return f"{service}/images/{image}"


def commit_tag(commit: str) -> str:
    """The tag under which the release of a commit is found again. A convenience for finding; trust is in the digest."""
    return f"commit-{commit}"
