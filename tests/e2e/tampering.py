"""Somebody who may write to the registry, and to its disk, but has no key that an environment trusts.

What is done to the registry lasts for a `with` block: afterwards it is as it was, so that cases do not meet.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from pratique.bootstrap import Clients
from pratique.clients.ports import EvidenceSigner
from pratique.clients.registry import documents
from pratique.clients.registry.names import referrers_tag
from pratique.clients.sigstore.bundle import KeyEnvelope, read_bundle
from pratique.decisions.dsse import read_statement
from pratique.decisions.provenance import RunDetails, image_provenance, release_statements, signature_statement
from pratique.decisions.summaries import SUMMARY_PREDICATE
from pratique.values.commit import Commit
from pratique.values.digest import Digest, canonical_json, digest_of, hex_of
from pratique.values.evidence import Statement
from pratique.values.grant import GRANT_PREDICATE
from pratique.values.references import ImageReference
from pratique.values.release import RELEASE_TYPE, Release, ReleasedImage, StoredRelease

NAMING = (SUMMARY_PREDICATE, GRANT_PREDICATE)
"""Kinds of statements that name bundles by their digests, those first that others name."""

RUN = RunDetails(builder="https://example.test/builder")


class Intruder:
    """Tampers with one service's images and releases in the stack's registry."""

    def __init__(self, clients: Clients, storage: Path, stored: StoredRelease) -> None:
        self.clients = clients
        self.stored = stored
        self.release = stored.reference
        self.image = stored.release.images[0].reference
        self._storage = storage
        self._api = f"http://{clients.settings.registry.address}/v2"

    # Statements, as the pipeline would write them.

    def statements(self, reference: ImageReference, commit: Commit | None = None) -> tuple[Statement, Statement]:
        """The signature and the provenance of the release, or of its image; of another commit where one is named."""
        if reference == self.release:
            release = self.stored.release.model_copy(update={"commit": commit or self.stored.release.commit})
            return release_statements(StoredRelease(digest=self.stored.digest, release=release), RUN)
        section = self.stored.release.manifest.images[0]
        provenance = image_provenance(reference, section, commit or self.stored.release.commit, RUN)
        return signature_statement(reference.repository, reference.digest), provenance

    def with_our_key(self, *statements: Statement) -> list[bytes]:
        """Bundles signed with the pipeline's own key, which every environment trusts."""
        with self.clients.signer() as signer:
            return [signer.sign(statement) for statement in statements]

    # What the registry holds.

    def bundles(self, reference: ImageReference) -> list[bytes]:
        """What is attached to it."""
        with self.clients.registry() as registry:
            return list(registry.bundles(reference.repository, reference.digest))

    def grants(self) -> list[Statement]:
        """The grants of the release, whoever signed them."""
        statements = [read_statement(read_bundle(bundle).payload) for bundle in self._by_key(self.release)]
        return [statement for statement in statements if statement.predicate_type == GRANT_PREDICATE]

    def signed_anew(self, signer: EvidenceSigner) -> tuple[list[bytes], list[bytes], dict[Digest, Digest]]:
        """All evidence of image and release by somebody else, naming one another as it did; and the new digest of each."""
        known: dict[Digest, Digest] = {}

        def anew(bundle: bytes) -> bytes:
            text = read_bundle(bundle).payload.decode()
            for old, new in known.items():
                text = text.replace(hex_of(old), hex_of(new))
            made = signer.sign(read_statement(text.encode()))
            known[digest_of(bundle)] = digest_of(made)
            return made

        def names(bundle: bytes) -> int:
            """A verdict names what was looked at, a grant names the verdict."""
            kind = read_statement(read_bundle(bundle).payload).predicate_type
            return NAMING.index(kind) if kind in NAMING else -1

        image, release = ([anew(one) for one in sorted(self._by_key(of), key=names)] for of in (self.image, self.release))
        return image, release, known

    def _by_key(self, reference: ImageReference) -> list[bytes]:
        return [bundle for bundle in self.bundles(reference) if isinstance(read_bundle(bundle), KeyEnvelope)]

    def config_of(self, reference: ImageReference) -> Digest:
        """The blob that says what the image or release is."""
        with self.clients.registry() as registry:
            stored = registry.manifest(reference.repository, reference.digest)
        document = documents.read_document(stored.content) if stored else None
        assert document is not None
        assert document.config is not None
        return document.config.digest

    def layer_of(self, reference: ImageReference) -> Digest:
        """The first blob of its content."""
        with self.clients.registry() as registry:
            stored = registry.manifest(reference.repository, reference.digest)
        document = documents.read_document(stored.content) if stored else None
        assert document is not None
        return document.layers[0].digest

    @contextmanager
    def holding(self, reference: ImageReference, bundles: Sequence[bytes]) -> Iterator[None]:
        """Within it these bundles, and no others, are attached to the image or release."""
        index = f"{self._api}/{reference.repository}/manifests/{referrers_tag(reference.digest)}"
        original = httpx.get(index, headers={"Accept": documents.INDEX_TYPE}, timeout=30).raise_for_status().content
        self._put_index(index, documents.index([]))
        try:
            with self.clients.registry() as registry:
                for bundle in bundles:
                    created = self.stored.release.commit.committed_at
                    registry.attach(reference.repository, reference.digest, bundle, "tampered", created)
            yield
        finally:
            self._put_index(index, original)

    @contextmanager
    def changed_on_disk(self, digest: Digest) -> Iterator[None]:
        """Within it one bit of a blob is another one in the registry's storage."""
        digits = hex_of(digest)
        file = self._storage / "docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"
        original = file.read_bytes()
        file.write_bytes(flipped_in_the_middle(original))
        try:
            yield
        finally:
            file.write_bytes(original)

    @contextmanager
    def tagged(self, tag: str, digest: Digest) -> Iterator[None]:
        """Within it the tag of the service's releases names another one."""
        with self.clients.registry() as registry:
            original = registry.resolve(self.release.repository, tag)
            assert original is not None
            registry.tag(self.release.repository, digest, tag)
            try:
                yield
            finally:
                registry.tag(self.release.repository, original, tag)

    # Releases and images that no pipeline made.

    def forge_release(self, **changes: Any) -> StoredRelease:
        """A release that differs in the fields given, and in its digest even where none is; nothing signs it yet."""
        release = Release.model_validate({**self.stored.release.model_dump(), **changes})
        config = canonical_json(release.model_dump(mode="json", by_alias=True))
        with self.clients.registry() as registry:
            layers = [(documents.EMPTY_TYPE, documents.EMPTY)]
            note = {"example.test/forged": uuid.uuid4().hex}
            digest = registry.push_artifact(self.release.repository, RELEASE_TYPE, config, layers, note)
        return StoredRelease(digest=digest, release=release)

    def sign_release(self, stored: StoredRelease, *, as_if: Release | None = None) -> StoredRelease:
        """The release, with evidence by the pipeline's own key; its provenance that of another one, where that is given."""
        said = StoredRelease(digest=stored.digest, release=as_if or stored.release)
        with self.clients.registry() as registry:
            for bundle in self.with_our_key(*release_statements(said, RUN)):
                registry.attach(self.release.repository, stored.digest, bundle, "ours", stored.release.commit.committed_at)
        return stored

    def forge_image(self) -> ReleasedImage:
        """Another image in the same repository, which would run just as well; nothing signs it."""
        with self.clients.registry() as registry:
            stored = registry.manifest(self.image.repository, self.image.digest)
        assert stored is not None
        fields = json.loads(stored.content)
        fields["annotations"] = {**fields["annotations"], "example.test/forged": uuid.uuid4().hex}
        answer = httpx.put(
            f"{self._api}/{self.image.repository}/manifests/{uuid.uuid4().hex}",
            content=canonical_json(fields),
            headers={"Content-Type": stored.media_type},
            timeout=30,
        )
        digest = answer.raise_for_status().headers["Docker-Content-Digest"]
        name = self.stored.release.images[0].name
        return ReleasedImage(name=name, reference=ImageReference(repository=self.image.repository, digest=digest))

    def _put_index(self, url: str, content: bytes) -> None:
        httpx.put(url, content=content, headers={"Content-Type": documents.INDEX_TYPE}, timeout=30).raise_for_status()


def signed_by(signer: EvidenceSigner, *statements: Statement) -> list[bytes]:
    """Bundles by somebody else."""
    return [signer.sign(statement) for statement in statements]


def flipped_in_the_middle(content: bytes) -> bytes:
    """The content with one bit of its middle byte the other way round."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
