"""Copying by digest, evidence included: between repositories of one registry, or from one registry to another.

Within one registry blobs are mounted, no byte of them moves. Between two they are streamed, in pieces and verified on the
way; what the target holds already is skipped, so that a copy which broke goes on where it was.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from pratique.clients.ports import Copied, StoredManifest
from pratique.clients.registry.blobs import BlobContent, Blobs
from pratique.clients.registry.documents import Descriptor, Document, Pointer, descriptor, read_document
from pratique.clients.registry.manifests import Manifests
from pratique.clients.registry.parallel import in_parallel
from pratique.clients.registry.referrers import Referrers
from pratique.errors import Refused
from pratique.values.digest import Digest

_DEEPEST = 8
"""Indexes within indexes, and referrers of referrers."""


class Side(NamedTuple):
    """One registry, as far as copying needs it."""

    blobs: Blobs
    manifests: Manifests
    referrers: Referrers

    def is_whole(self, repository: str, digest: Digest) -> bool:
        """Whether the manifest is kept, and all that it consists of is there."""
        return self.manifests.is_kept(repository, digest) and not self.missing(repository, digest)

    def missing(self, repository: str, digest: Digest, depth: int = 0) -> tuple[Digest, ...]:
        """The manifest, where it is not there or nested too deep; else what is not there of all that it consists of."""
        stored = self.manifests.get(repository, digest) if depth <= _DEEPEST else None
        document = read_document(stored.content) if stored else None
        if document is None:
            return (digest,)
        blobs = _blobs_of(document)
        there = in_parallel(lambda blob: self.blobs.has(repository, blob.digest), blobs)
        gone = [blob.digest for blob, is_there in zip(blobs, there, strict=True) if not is_there]
        return (*gone, *(lost for part in document.manifests for lost in self.missing(repository, part.digest, depth + 1)))


class Copying:
    """Copies from one registry into another, or into itself."""

    def __init__(self, source: Side, target: Side) -> None:
        self._source, self._target = source, target
        self._mounts = source is target

    def mount(self, source: str, digest: Digest, target: str) -> bool:
        """Whether the registry took the blob over from the other repository."""
        opened = self._target.blobs.mount(source, digest, target)
        if opened is not None:
            self._target.blobs.abandon(*opened)
        return opened is None

    def copy(self, source: str, digest: Digest, target: str) -> Copied:
        """The manifest, what it consists of, and what refers to it, in `target` too; what is there already is left alone."""
        return self._copy(source, digest, target, 0)[0]

    def _copy(self, source: str, digest: Digest, target: str, depth: int) -> tuple[Copied, StoredManifest]:
        if depth > _DEEPEST:
            raise Refused(f"{source}@{digest}: manifests are nested more than {_DEEPEST} deep: not copied")
        found = self._found(source, digest)
        if found is None:
            raise Refused(f"{source} holds no manifest {digest} that can be copied")
        stored, document = found
        copied = Copied()
        if not self._target.is_whole(target, digest):
            for part in document.manifests:
                copied += self._copy(source, part.digest, target, depth + 1)[0]
            copied = sum(in_parallel(lambda blob: self._copy_blob(source, blob, target), _blobs_of(document)), copied)
            self._target.manifests.keep(target, stored.content, stored.media_type)
            copied += Copied(manifests=1)
        return copied + self._copy_referrers(source, digest, target, depth), stored

    def _found(self, source: str, digest: Digest) -> tuple[StoredManifest, Document] | None:
        stored = self._source.manifests.get(source, digest)
        document = read_document(stored.content) if stored else None
        return None if stored is None or document is None else (stored, document)

    def _copy_referrers(self, source: str, digest: Digest, target: str, depth: int) -> Copied:
        copied, entries = Copied(), list[Descriptor]()
        for referrer in self._source.referrers.of(source, digest):
            # Whoever reads evidence passes over what is listed and gone; so a copy holds what the source does.
            if self._found(source, referrer.digest) is None:
                continue
            brought, stored = self._copy(source, referrer.digest, target, depth + 1)
            copied += brought
            entries.append(descriptor(stored.media_type, stored.content, **_kind(stored.content)))
        if entries:
            with self._target.referrers.turn(target):
                self._target.referrers.add(target, digest, *entries)
        return copied

    def _copy_blob(self, source: str, blob: Pointer, target: str) -> Copied:
        content = BlobContent(self._source.blobs, source, blob.digest)
        if not self._mounts:
            sent = self._target.blobs.ensure(target, blob.digest, blob.size, content)
            return Copied(sent=1, bytes_sent=blob.size) if sent else Copied()
        opened = self._target.blobs.mount(source, blob.digest, target)
        if opened is None:
            return Copied(mounted=1)
        self._target.blobs.finish(*opened, blob.digest, blob.size, content)
        return Copied(sent=1, bytes_sent=blob.size)


def _blobs_of(document: Document) -> list[Pointer]:
    parts = (*([document.config] if document.config else []), *document.layers)
    return list({part.digest: part for part in parts}.values())


def _kind(content: bytes) -> dict[str, str]:
    """What an entry in the index of referrers says of the manifest's kind, as the distribution specification asks."""
    fields = json.loads(content)
    kind = fields.get("artifactType") or fields.get("config", {}).get("mediaType")
    return {"artifactType": kind} if kind else {}
