"""Copying by digest between repositories of one registry, evidence included: blobs are mounted, no byte of them moves."""

from __future__ import annotations

import json

from pratique.clients.registry.blobs import Blobs
from pratique.clients.registry.documents import Document, Pointer, descriptor, read_document
from pratique.clients.registry.manifests import Manifests
from pratique.clients.registry.parallel import in_parallel
from pratique.clients.registry.referrers import Referrers
from pratique.errors import Refused
from pratique.values.digest import Digest

_DEEPEST = 8
"""Indexes within indexes, and referrers of referrers."""


class Copying:
    """Copies within one registry."""

    def __init__(self, blobs: Blobs, manifests: Manifests, referrers: Referrers) -> None:
        self._blobs = blobs
        self._manifests = manifests
        self._referrers = referrers

    def mount(self, source: str, digest: Digest, target: str) -> bool:
        """Whether the registry took the blob over from the other repository."""
        opened = self._blobs.mount(source, digest, target)
        if opened is not None:
            self._blobs.abandon(*opened)
        return opened is None

    def copy(self, source: str, digest: Digest, target: str, depth: int = 0) -> None:
        """The manifest, what it consists of, and what refers to it, in `target` too; what is there already is left alone."""
        if depth > _DEEPEST:
            raise Refused(f"{source}@{digest}: manifests are nested more than {_DEEPEST} deep: not copied")
        stored = self._manifests.get(source, digest)
        document = read_document(stored.content) if stored else None
        if stored is None or document is None:
            raise Refused(f"{source} holds no manifest {digest} that can be copied")
        if self._manifests.digest(target, digest) is None:
            for part in document.manifests:
                self.copy(source, part.digest, target, depth + 1)
            in_parallel(lambda blob: self._copy_blob(source, blob, target), _blobs_of(document))
            self._manifests.put(target, digest, stored.content, stored.media_type)
        for referrer in self._referrers.of(source, digest):
            self.copy(source, referrer.digest, target, depth + 1)
            found = self._manifests.get(target, referrer.digest)
            if found is not None:
                entry = descriptor(found.media_type, found.content, **_kind(found.content))
                with self._referrers.turn(target):
                    self._referrers.add(target, digest, entry)

    def _copy_blob(self, source: str, blob: Pointer, target: str) -> None:
        opened = self._blobs.mount(source, blob.digest, target)
        if opened is not None:
            self._blobs.finish(*opened, blob.digest, blob.size, self._blobs.pieces(source, blob.digest))


def _blobs_of(document: Document) -> list[Pointer]:
    parts = (*([document.config] if document.config else []), *document.layers)
    return list({part.digest: part for part in parts}.values())


def _kind(content: bytes) -> dict[str, str]:
    """What an entry in the index of referrers says of the manifest's kind, as the distribution specification asks."""
    fields = json.loads(content)
    kind = fields.get("artifactType") or fields.get("config", {}).get("mediaType")
    return {"artifactType": kind} if kind else {}
