"""The registry, as the port asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from pratique.clients.ports import Copied, LayerFile, Log, OciImage, StoredManifest
from pratique.clients.registry import documents
from pratique.clients.registry.blobs import Blobs, require_file
from pratique.clients.registry.copying import Copying, Side
from pratique.clients.registry.credentials import Credentials
from pratique.clients.registry.lists import Lists
from pratique.clients.registry.manifests import Manifests
from pratique.clients.registry.names import require_digest, require_repository, require_tag
from pratique.clients.registry.parallel import in_parallel
from pratique.clients.registry.referrers import Referrers
from pratique.clients.registry.wire import Wire
from pratique.errors import Refused
from pratique.settings import RegistrySettings
from pratique.values.digest import Digest, digest_of
from pratique.values.evidence import BUNDLE_TYPE

_ANY_BUNDLE = "application/vnd.dev.sigstore.bundle"
_MOST_BYTES_OF_BUNDLES = 256 * 1024 * 1024


class OciRegistry:
    """An OCI registry over HTTP; keeps the port `Registry`."""

    def __init__(self, wire: Wire) -> None:
        self._blobs = Blobs(wire)
        self._manifests = Manifests(wire)
        self._referrers = Referrers(wire, self._manifests)
        self.side = Side(self._blobs, self._manifests, self._referrers)
        self._lists = Lists(wire)

    def push_image(self, repository: str, image: OciImage, log: Log) -> Digest:
        """The digest of the pushed OCI manifest; where that is there already and whole, nothing is sent."""
        require_repository(repository)
        manifest = documents.image_manifest(image)
        if self.side.is_whole(repository, digest_of(manifest)):
            log(f"{repository}@{digest_of(manifest)} is in the registry already")
            return digest_of(manifest)
        layers = list({layer.digest: layer for layer in image.layers}.values())
        sent = in_parallel(lambda layer: self._push_layer(repository, layer), layers)
        for layer, was_sent in zip(layers, sent, strict=True):
            log(f"layer {layer.digest} ({layer.size} bytes) {'pushed' if was_sent else 'is there already'}")
        self._push_bytes(repository, image.config)
        return self._push_manifest(repository, manifest)

    def push_artifact(
        self,
        repository: str,
        artifact_type: str,
        config: bytes | None,
        layers: Sequence[tuple[str, bytes]],
        annotations: Mapping[str, str],
    ) -> Digest:
        """The digest of a pushed artifact manifest; where that is there already and whole, nothing is sent."""
        require_repository(repository)
        manifest = documents.artifact_manifest(artifact_type, config, layers, annotations)
        if not self.side.is_whole(repository, digest_of(manifest)):
            contents = {documents.EMPTY if config is None else config, *(content for _, content in layers)}
            in_parallel(lambda content: self._push_bytes(repository, content), contents)
            self._push_manifest(repository, manifest)
        return digest_of(manifest)

    def manifest(self, repository: str, digest: Digest) -> StoredManifest | None:
        """The manifest, its digest verified, or None where there is none."""
        return self._manifests.get(require_repository(repository), require_digest(digest))

    def blob(self, repository: str, digest: Digest) -> bytes:
        """The blob's content, its digest verified; refused where there is none, or one too large for memory."""
        return self._blobs.read(require_repository(repository), require_digest(digest))

    def missing(self, repository: str, digest: Digest) -> tuple[Digest, ...]:
        """What is not there any more: the manifest, or any manifest or blob that it consists of."""
        return self.side.missing(require_repository(repository), require_digest(digest))

    def resolve(self, repository: str, tag: str) -> Digest | None:
        """The digest the tag names now, or None."""
        return self._manifests.digest(require_repository(repository), require_tag(tag))

    def tags(self, repository: str) -> tuple[str, ...]:
        """Every tag of the repository, in no order."""
        return tuple(self._lists.tags(require_repository(repository)))

    def repositories(self) -> tuple[str, ...]:
        """Every repository, in no order; refused where the registry does not list them."""
        return tuple(self._lists.repositories())

    def tag(self, repository: str, digest: Digest, tag: str) -> None:
        """Let `tag` name `digest`; refused where there is no such manifest."""
        require_tag(tag)
        stored = self._require(repository, digest)
        self._manifests.put(repository, tag, stored.content, stored.media_type)

    def attach(self, repository: str, subject: Digest, bundle: bytes, predicate_type: str, created: datetime) -> Digest:
        """The digest of the referrer that carries the bundle; the same input gives the same one."""
        stored = self._require(repository, subject)
        manifest = documents.referrer_manifest(stored, bundle, predicate_type, created)
        # The empty config is the same blob each time: distribution 2.8 answers 500 to who looks for it while another sends it.
        with self._referrers.turn(repository):
            for content in (documents.EMPTY, bundle):
                self._push_bytes(repository, content)
            answer = self._manifests.keep(repository, manifest, documents.MANIFEST_TYPE)
            # A registry with the referrers API acknowledges the subject.
            if answer.headers.get("OCI-Subject") != subject:
                entry = documents.descriptor(documents.MANIFEST_TYPE, manifest, artifactType=BUNDLE_TYPE)
                self._referrers.add(repository, subject, entry)
        return digest_of(manifest)

    def bundles(self, repository: str, subject: Digest) -> tuple[bytes, ...]:
        """Every Sigstore bundle attached to `subject`, each once; what is attached and no bundle is passed over."""
        referrers = self._referrers.of(require_repository(repository), require_digest(subject))
        found = in_parallel(lambda referrer: self._bundle_in(repository, subject, referrer.digest), referrers)
        pointers = {pointer.digest: pointer.size for pointer in found if pointer is not None}
        if sum(pointers.values()) > _MOST_BYTES_OF_BUNDLES:
            raise Refused(f"{repository}: the evidence of {subject} is too large to be read: remove what is not needed")
        return tuple(in_parallel(lambda digest: self._blobs.read(repository, digest), pointers))

    def mount(self, source: str, digest: Digest, target: str) -> bool:
        """Whether the registry took the blob over from the repository `source`, so that it need not be sent."""
        copying = Copying(self.side, self.side)
        return copying.mount(require_repository(source), require_digest(digest), require_repository(target))

    def copy(self, source: str, digest: Digest, target: str, into: OciRegistry | None = None) -> Copied:
        """What had to be copied, so that `target` holds the manifest with all it consists of and its referrers.

        Within one registry blobs do not move, where it can mount them; into another one they are streamed.
        """
        copying = Copying(self.side, into.side if into else self.side)
        return copying.copy(require_repository(source), require_digest(digest), require_repository(target))

    def _require(self, repository: str, digest: Digest) -> StoredManifest:
        stored = self.manifest(repository, digest)
        if stored is None:
            raise Refused(f"{repository} holds no manifest {digest}: push it first")
        return stored

    def _push_layer(self, repository: str, layer: LayerFile) -> bool:
        return self._blobs.ensure(repository, layer.digest, layer.size, require_file(layer.file, layer.size))

    def _push_bytes(self, repository: str, content: bytes) -> bool:
        return self._blobs.ensure(repository, digest_of(content), len(content), content)

    def _push_manifest(self, repository: str, manifest: bytes) -> Digest:
        self._manifests.keep(repository, manifest, documents.MANIFEST_TYPE)
        return digest_of(manifest)

    def _bundle_in(self, repository: str, subject: Digest, referrer: Digest) -> documents.Pointer | None:
        """Where the referrer's bundle is; None where it carries none, is gone, or refers to something else."""
        stored = self._manifests.get(repository, referrer)
        document = documents.read_document(stored.content) if stored else None
        if document is None or document.subject is None or document.subject.digest != subject or len(document.layers) != 1:
            return None
        (layer,) = document.layers
        return layer if layer.media_type.startswith(_ANY_BUNDLE) else None


@contextmanager
def open_registry(settings: RegistrySettings, credentials: Credentials | None) -> Iterator[OciRegistry]:
    """The registry that the settings name; its connections are closed in the end."""
    wire = Wire(settings, credentials)
    try:
        yield OciRegistry(wire)
    finally:
        wire.close()
