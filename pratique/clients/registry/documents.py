"""Manifests: written byte for byte the same from the same input, and read with what others may have put into them.

Formats: OCI image specification 1.1 (github.com/opencontainers/image-spec, manifest.md and image-index.md); evidence is laid
out as cosign 3 writes it (github.com/sigstore/cosign, `WriteReferrer` in pkg/oci/remote/write.go).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pratique.clients.ports import OciImage, StoredManifest
from pratique.errors import Invalid
from pratique.values.digest import Digest, canonical_json, digest_of
from pratique.values.evidence import BUNDLE_TYPE

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
ACCEPTED = (
    MANIFEST_TYPE,
    INDEX_TYPE,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
"""Media types of manifests that are understood."""

Descriptor = dict[str, Any]
"""What points at content: `mediaType`, `digest`, `size` and what else its writer wanted."""


class Pointer(BaseModel):
    """The part of a descriptor that is relied on."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)
    media_type: str = ""
    digest: Digest
    size: int = Field(ge=0)
    artifact_type: str = ""


class Document(BaseModel):
    """The parts of a manifest or an index that are relied on; what else it holds is another tool's."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)
    media_type: str = ""
    artifact_type: str = ""
    config: Pointer | None = None
    layers: tuple[Pointer, ...] = ()
    manifests: tuple[Pointer, ...] = ()
    subject: Pointer | None = None


def read_document(content: bytes) -> Document | None:
    """The manifest that `content` is, or None where it is none."""
    try:
        return Document.model_validate_json(content)
    except ValidationError:
        return None


def descriptor(media_type: str, content: bytes, **more: str) -> Descriptor:
    """What points at `content`."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def image_manifest(image: OciImage) -> bytes:
    """The manifest of an image."""
    layers = [{"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size} for layer in image.layers]
    return _manifest({"config": descriptor(CONFIG_TYPE, image.config), "layers": layers, "annotations": image.annotations})


def artifact_manifest(
    artifact_type: str, config: bytes | None, layers: Sequence[tuple[str, bytes]], annotations: Mapping[str, str]
) -> bytes:
    """The manifest of content of our own; where it has a config, that says its kind as well, for older readers."""
    return _manifest(
        {
            "artifactType": artifact_type,
            "config": descriptor(EMPTY_TYPE, EMPTY) if config is None else descriptor(artifact_type, config),
            "layers": [descriptor(media_type, content) for media_type, content in layers],
            "annotations": dict(annotations),
        }
    )


def titled_artifact_manifest(artifact_type: str, config: bytes | None, layers: Sequence[tuple[str, bytes, str]]) -> bytes:
    """As `artifact_manifest`, of (media type, content, title) and without a config where there is none to tell."""
    named = [
        descriptor(media_type, content) | ({"annotations": {"org.opencontainers.image.title": title}} if title else {})
        for media_type, content, title in layers
    ]
    told = descriptor(EMPTY_TYPE, EMPTY) if config is None else descriptor(artifact_type, config)
    return _manifest({"artifactType": artifact_type, "config": told, "layers": named})


def referrer_manifest(subject: StoredManifest, bundle: bytes, predicate_type: str, created: datetime | None) -> bytes:
    """The manifest that attaches a Sigstore bundle to `subject`; it says when, where that is known."""
    if created is not None and created.tzinfo is None:
        raise Invalid("created", f"{created.isoformat()} has no time zone", "give a time with its zone")
    return _manifest(
        {
            "artifactType": BUNDLE_TYPE,
            # `cosign clean` looks for the artifact type here.
            "config": descriptor(EMPTY_TYPE, EMPTY, artifactType=BUNDLE_TYPE),
            "layers": [descriptor(BUNDLE_TYPE, bundle)],
            "subject": descriptor(subject.media_type, subject.content),
            "annotations": {
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": predicate_type,
                **({} if created is None else {"org.opencontainers.image.created": _utc(created)}),
            },
        }
    )


def index(entries: Sequence[Descriptor], artifact_type: str = "", annotations: Mapping[str, str] | None = None) -> bytes:
    """An index of manifests."""
    more = {name: value for name, value in (("artifactType", artifact_type), ("annotations", annotations)) if value}
    return canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": list(entries), **more})


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _manifest(fields: Mapping[str, Any]) -> bytes:
    written = {name: value for name, value in fields.items() if value or name == "layers"}
    return canonical_json({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, **written})
