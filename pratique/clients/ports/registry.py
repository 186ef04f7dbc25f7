"""An OCI registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

from pratique.clients.ports.log import Log
from pratique.values._base import Value
from pratique.values.digest import Digest


class StoredManifest(Value):
    """A manifest as the registry holds it, its digest verified."""

    digest: Digest
    media_type: str
    content: bytes


class LayerFile(Value):
    """One layer, compressed, in a file."""

    media_type: str
    digest: Digest
    size: int
    file: Path


class OciImage(Value):
    """An image ready to be pushed."""

    config: bytes
    layers: tuple[LayerFile, ...]
    annotations: dict[str, str]


class Copied(Value):
    """What a copy came to; all zero where everything was there already."""

    manifests: int = 0
    mounted: int = 0
    """Blobs that the registry took over from its other repository: no byte of them moved."""
    sent: int = 0
    """Blobs that were read here and sent there."""
    bytes_sent: int = 0
    """Of those blobs."""

    def __add__(self, other: Copied) -> Copied:
        return Copied(
            manifests=self.manifests + other.manifests,
            mounted=self.mounted + other.mounted,
            sent=self.sent + other.sent,
            bytes_sent=self.bytes_sent + other.bytes_sent,
        )


class RegistryReading(Protocol):
    """What is read from an OCI registry, or from a file that holds what was in one."""

    def manifest(self, repository: str, digest: Digest) -> StoredManifest | None:
        """The manifest, or None where there is none."""
        ...

    def blob(self, repository: str, digest: Digest) -> bytes:
        """The blob's content, digest verified."""
        ...

    def bundles(self, repository: str, subject: Digest) -> tuple[bytes, ...]:
        """Every Sigstore bundle attached to `subject`."""
        ...


class Registry(RegistryReading, Protocol):
    """An OCI registry (distribution spec 1.1; referrers by tag where it has no referrers API)."""

    def push_image(self, repository: str, image: OciImage, log: Log) -> Digest:
        """The digest of the pushed OCI manifest; blobs that are there already are not sent again.

        Like whatever is pushed, attached or copied it gets a tag of its own: no rule for untagged manifests takes it away.
        """
        ...

    def push_artifact(
        self,
        repository: str,
        artifact_type: str,
        config: bytes | None,
        layers: Sequence[tuple[str, bytes]],
        annotations: Mapping[str, str],
    ) -> Digest:
        """The digest of a pushed artifact manifest, `config` being of `artifact_type`, `layers` of (media type, content).

        None is the empty config, which an artifact has whose content is in its layers.
        """
        ...

    def missing(self, repository: str, digest: Digest) -> tuple[Digest, ...]:
        """What is not there any more: the manifest, or any manifest or blob that it consists of; empty where all is there."""
        ...

    def resolve(self, repository: str, tag: str) -> Digest | None:
        """The digest the tag names now, or None."""
        ...

    def tags(self, repository: str) -> tuple[str, ...]:
        """Every tag of the repository, in no order; none where there is no such repository."""
        ...

    def repositories(self) -> tuple[str, ...]:
        """Every repository, in no order; refused where the registry does not list them, as some do not."""
        ...

    def tag(self, repository: str, digest: Digest, tag: str) -> None:
        """Let `tag` name `digest`."""
        ...

    def attach(self, repository: str, subject: Digest, bundle: bytes, predicate_type: str, created: datetime) -> Digest:
        """The digest of the referrer that carries the bundle, laid out as cosign v3 does; attaching it again is harmless."""
        ...

    def copy(self, source: str, digest: Digest, target: str, into: Self | None = None) -> Copied:
        """Let the repository `target` hold the manifest too, with all it consists of and everything attached to it.

        `target` is a repository of the registry `into`, or of this one. What is there already is not copied again.
        """
        ...
