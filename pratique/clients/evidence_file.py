"""What an evidence file holds, read as a registry is: manifests, blobs, and what is attached to them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pratique.clients.ports import StoredManifest
from pratique.clients.registry import documents
from pratique.decisions.evidence_file import INDEX, read_layout, write_layout
from pratique.errors import Refused
from pratique.values.digest import Digest, digest_of

EVIDENCE_TYPE = "application/vnd.pratique.evidence.v1+json"
"""Artifact type of the index."""
REPOSITORY = "dev.pratique.repository"
"""The annotation that says of which repository a manifest is."""
LEFT_OUT = "dev.pratique.left-out"
_LEFT_OUT = "the layers of images: what they are is told by the digests in the images' manifests"


class Kept(NamedTuple):
    """A manifest, and of which repository it is; none of any, where the export made it."""

    repository: str
    manifest: StoredManifest


class EvidenceFile:
    """`RegistryReading` over what a file holds, or is to hold."""

    def __init__(self, manifests: Iterable[Kept], blobs: Mapping[Digest, bytes]) -> None:
        self._manifests = {(kept.repository, kept.manifest.digest): kept.manifest for kept in manifests}
        self._blobs = dict(blobs)
        self._holders: dict[Digest, set[str]] = {}
        """Of which repositories each blob is, as their manifests name it; none: the export's own, which are of any."""
        for (repository, _), stored in self._manifests.items():
            document = documents.read_document(stored.content)
            for part in () if document is None else (document.config, *document.layers):
                if part is not None:
                    self._holders.setdefault(part.digest, set()).add(repository)

    def manifest(self, repository: str, digest: Digest) -> StoredManifest | None:
        return self._manifests.get((repository, digest))

    def blob(self, repository: str, digest: Digest) -> bytes:
        content = self._blobs.get(digest)
        if content is None or not {repository, ""} & self._holders.get(digest, set()):
            raise Refused(f"the file holds no blob {digest} of {repository}")
        return content

    def bundles(self, repository: str, subject: Digest) -> tuple[bytes, ...]:
        found: dict[Digest, bytes] = {}
        for (place, _), stored in self._manifests.items():
            document = documents.read_document(stored.content)
            if place != repository or document is None or document.subject is None or document.subject.digest != subject:
                continue
            found |= {layer.digest: self.blob(repository, layer.digest) for layer in document.layers}
        return tuple(found[digest] for digest in sorted(found))

    def of_type(self, artifact_type: str) -> list[Kept]:
        """The manifests of one artifact type, by repository and digest."""
        return [
            Kept(repository, stored)
            for (repository, _), stored in sorted(self._manifests.items())
            if (document := documents.read_document(stored.content)) and document.artifact_type == artifact_type
        ]

    def written(self) -> bytes:
        """The file."""
        blobs = self._blobs | {digest: stored.content for (_, digest), stored in self._manifests.items()}
        return write_layout(self.index(), blobs)

    def digests(self) -> set[Digest]:
        """Of everything that the file holds."""
        return {*self._blobs, *(digest for _, digest in self._manifests)}

    def index(self) -> bytes:
        """The index of everything, which follows from the rest."""
        entries = [
            documents.descriptor(stored.media_type, stored.content)
            | _kind(stored)
            | ({"annotations": {REPOSITORY: repository}} if repository else {})
            for (repository, _), stored in sorted(self._manifests.items())
        ]
        return documents.index(entries, EVIDENCE_TYPE, {LEFT_OUT: _LEFT_OUT})


def read_evidence_file(content: bytes) -> tuple[EvidenceFile, bytes, dict[Digest, bytes]]:
    """What the file holds, its index, and every blob of it; refused where a byte between them is another than it must be."""
    index, blobs = read_layout(content)
    kept: list[Kept] = []
    for entry in _entries(index):
        digest, annotations = entry.get("digest"), entry.get("annotations")
        found = blobs.get(digest) if isinstance(digest, str) else None
        if found is None:
            raise Refused(f"{INDEX}: it lists {digest}, which the file does not hold: one of them was changed")
        repository = annotations.get(REPOSITORY) if isinstance(annotations, dict) else None
        kept.append(Kept(repository if isinstance(repository, str) else "", stored_manifest(found)))
    return EvidenceFile(kept, blobs), index, blobs


def bundle_manifest(subject: StoredManifest, bundle: bytes, predicate_type: str) -> StoredManifest:
    """The manifest that attaches a bundle in the file; without a time, which the bundle does not say."""
    return stored_manifest(documents.referrer_manifest(subject, bundle, predicate_type, None))


def stored_manifest(content: bytes) -> StoredManifest:
    """A manifest, its type as it says itself: what a registry says besides would be lost in a file."""
    document = documents.read_document(content)
    is_index = document is not None and bool(document.manifests)
    said = document.media_type if document is not None else ""
    usual = documents.INDEX_TYPE if is_index else documents.MANIFEST_TYPE
    return StoredManifest(digest=digest_of(content), media_type=said or usual, content=content)


def _kind(stored: StoredManifest) -> dict[str, str]:
    document = documents.read_document(stored.content)
    return {"artifactType": document.artifact_type} if document is not None and document.artifact_type else {}


def _entries(index: bytes) -> list[dict[str, object]]:
    try:
        found = json.loads(index)["manifests"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused(f"{INDEX}: it cannot be read: it was changed") from None
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise Refused(f"{INDEX}: it lists something else than manifests: it was changed")
    return found
