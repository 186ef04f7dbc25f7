"""A registry in memory that keeps the contract of the port `Registry`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime

from pratique.clients.ports import Copied, Log, OciImage, StoredManifest
from pratique.clients.registry import documents
from pratique.clients.registry.blobs import require_file
from pratique.clients.registry.names import keeping_tag, require_digest, require_repository, require_tag
from pratique.errors import Refused
from pratique.values.digest import Digest, digest_of


class FakeRegistry:
    """Blobs, manifests and tags by repository; `uploads` counts the blobs that were sent."""

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, Digest], bytes] = {}
        self.manifests: dict[tuple[str, Digest], StoredManifest] = {}
        self.tagged: dict[tuple[str, str], Digest] = {}
        self.attached: dict[tuple[str, Digest], list[tuple[Digest, Digest]]] = {}
        """Referrer and bundle of each subject."""
        self.uploads = 0
        self._lock = threading.Lock()

    def push_image(self, repository: str, image: OciImage, log: Log) -> Digest:
        for layer in image.layers:
            content = b"".join(require_file(layer.file, layer.size))
            if digest_of(content) != layer.digest:
                raise Refused(f"{repository}: the content sent is not {layer.digest}")
            log(f"layer {layer.digest} {'pushed' if self._put(repository, content) else 'is there already'}")
        self._put(repository, image.config)
        return self._store(repository, documents.image_manifest(image))

    def push_artifact(
        self,
        repository: str,
        artifact_type: str,
        config: bytes | None,
        layers: Sequence[tuple[str, bytes]],
        annotations: Mapping[str, str],
    ) -> Digest:
        for content in (documents.EMPTY if config is None else config, *(content for _, content in layers)):
            self._put(repository, content)
        return self._store(repository, documents.artifact_manifest(artifact_type, config, layers, annotations))

    def manifest(self, repository: str, digest: Digest) -> StoredManifest | None:
        stored = self.manifests.get((require_repository(repository), require_digest(digest)))
        if stored is not None:
            self._require_same(stored.content, digest)
        return stored

    def blob(self, repository: str, digest: Digest) -> bytes:
        content = self.blobs.get((require_repository(repository), require_digest(digest)))
        if content is None:
            raise Refused(f"{repository} holds no blob {digest}")
        self._require_same(content, digest)
        return content

    def missing(self, repository: str, digest: Digest) -> tuple[Digest, ...]:
        stored = self.manifest(repository, digest)
        document = documents.read_document(stored.content) if stored else None
        if document is None:
            return (digest,)
        blobs = {part.digest for part in (document.config, *document.layers) if part is not None}
        gone = [blob for blob in blobs if (repository, blob) not in self.blobs]
        return (*gone, *(lost for part in document.manifests for lost in self.missing(repository, part.digest)))

    def resolve(self, repository: str, tag: str) -> Digest | None:
        return self.tagged.get((require_repository(repository), require_tag(tag)))

    def tags(self, repository: str) -> tuple[str, ...]:
        require_repository(repository)
        return tuple(tag for where, tag in self.tagged if where == repository)

    def repositories(self) -> tuple[str, ...]:
        return tuple({repository: None for repository, _ in self.manifests})

    def tag(self, repository: str, digest: Digest, tag: str) -> None:
        key = (require_repository(repository), require_tag(tag))
        self.tagged[key] = self._require(repository, digest).digest

    def attach(self, repository: str, subject: Digest, bundle: bytes, predicate_type: str, created: datetime) -> Digest:
        manifest = documents.referrer_manifest(self._require(repository, subject), bundle, predicate_type, created)
        self._put(repository, bundle)
        entry = (self._store(repository, manifest), digest_of(bundle))
        with self._lock:
            entries = self.attached.setdefault((repository, subject), [])
            if entry not in entries:
                entries.append(entry)
        return entry[0]

    def bundles(self, repository: str, subject: Digest) -> tuple[bytes, ...]:
        entries = self.attached.get((require_repository(repository), require_digest(subject)), ())
        for referrer, _ in entries:
            self._require(repository, referrer)
        return tuple(self.blob(repository, digest) for digest in dict.fromkeys(digest for _, digest in entries))

    def copy(self, source: str, digest: Digest, target: str, into: FakeRegistry | None = None) -> Copied:
        to, stored = into or self, self._require(source, digest)
        document = documents.read_document(stored.content)
        assert document is not None
        copied = Copied()
        for part in {part.digest for part in (document.config, *document.layers) if part is not None}:
            content = self.blobs.get((source, part))
            if content is not None and (target, part) not in to.blobs:
                self._require_same(content, part)
                to.blobs[require_repository(target), part] = content
                copied += Copied(mounted=1) if to is self else Copied(sent=1, bytes_sent=len(content))
        if (target, digest) not in to.manifests:
            to.manifests[target, digest] = stored
            to.tagged[target, keeping_tag(digest)] = digest
            copied += Copied(manifests=1)
        for entry in self.attached.get((source, digest), ()):
            copied += self.copy(source, entry[0], target, into)
            if entry not in to.attached.setdefault((target, digest), []):
                to.attached[target, digest].append(entry)
        return copied

    def tamper(self, digest: Digest) -> None:
        """Flip a bit of a blob or a manifest, wherever it is."""
        for blob_key, content in self.blobs.items():
            if blob_key[1] == digest:
                self.blobs[blob_key] = flipped(content)
        for key, stored in self.manifests.items():
            if key[1] == digest:
                self.manifests[key] = stored.model_copy(update={"content": flipped(stored.content)})

    def _put(self, repository: str, content: bytes) -> bool:
        key = (require_repository(repository), digest_of(content))
        with self._lock:
            if key in self.blobs:
                return False
            self.blobs[key] = content
            self.uploads += 1
            return True

    def _store(self, repository: str, content: bytes) -> Digest:
        stored = StoredManifest(digest=digest_of(content), media_type=documents.MANIFEST_TYPE, content=content)
        self.manifests[repository, stored.digest] = stored
        self.tagged[repository, keeping_tag(stored.digest)] = stored.digest
        return stored.digest

    def _require(self, repository: str, digest: Digest) -> StoredManifest:
        stored = self.manifest(repository, digest)
        if stored is None:
            raise Refused(f"{repository} holds no manifest {digest}")
        return stored

    def _require_same(self, content: bytes, digest: Digest) -> None:
        if digest_of(content) != digest:
            raise Refused(f"the registry returned other content than {digest}")


def flipped(content: bytes) -> bytes:
    """The content with its last bit flipped."""
    return content[:-1] + bytes([content[-1] ^ 1])
