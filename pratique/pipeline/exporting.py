"""The evidence of a release as one file: collected from a registry, and verified from the file alone.

content = export_release(clients, stored)
proof, trust = verify_file(content)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from pratique.bootstrap import Clients
from pratique.clients import releases
from pratique.clients.evidence_file import EvidenceFile, Kept, bundle_manifest, read_evidence_file, stored_manifest
from pratique.clients.ports import EvidenceVerifier, RegistryReading, StoredManifest
from pratique.clients.registry import documents
from pratique.clients.sigstore.portable import Carried, carry, unpack
from pratique.decisions.evidence_file import INDEX, difference
from pratique.decisions.proving import prove
from pratique.errors import Refused
from pratique.pipeline.policies import modules_for
from pratique.pipeline.proving import claimed_grant, claimed_type, look, trust_of
from pratique.values.digest import Digest, digest_of
from pratique.values.evidence import BUNDLE_TYPE
from pratique.values.proof import Proof
from pratique.values.references import ImageReference
from pratique.values.release import RELEASE_TYPE, StoredRelease
from pratique.values.trust_material import TrustMaterial

TRUST_TYPE = "application/vnd.pratique.trust.v1+json"
POLICIES_TYPE = "application/vnd.pratique.policies.v1"
REPLACED_TYPE = "application/vnd.pratique.replaced-grants.v1"
REGO_TYPE = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego"
"""As conftest and OPA's own bundles have it."""
ROOT_TYPE = "application/vnd.dev.sigstore.trustedroot.v0.2+json;version=0.1"
"""Sigstore's trusted root, as it names itself."""

_TITLE = "org.opencontainers.image.title"
_NOWHERE = ""
"""The repository of what the export makes itself."""


class Artifact(NamedTuple):
    """An artifact of the file itself, and its blobs."""

    manifest: StoredManifest
    blobs: dict[Digest, bytes]


class Verified(NamedTuple):
    """What a file came to."""

    stored: StoredRelease
    proof: Proof
    trust: Digest
    """Of the trust material inside, to be compared with one that was obtained otherwise."""


def export_release(clients: Clients, stored: StoredRelease) -> bytes:
    """The evidence file of a release: by whom the settings trust, and with the policies that are asked now."""
    modules = modules_for(clients, stored)
    policies = {module.path: module.text for module in modules}
    own = [trust_artifact(trust_of(clients, stored, modules)), policies_artifact(policies)]
    with clients.registry() as registry:
        return collect(registry, stored, own).written()


def trust_artifact(material: TrustMaterial) -> Artifact:
    """The trust material, with everything that it needs to be used elsewhere."""
    carried = carry(material)
    return _artifact(TRUST_TYPE, carried.document, [(ROOT_TYPE, root, "") for root in carried.roots])


def policies_artifact(policies: Mapping[str, str]) -> Artifact:
    """The text of every policy, by its name."""
    return _artifact(POLICIES_TYPE, None, [(REGO_TYPE, policies[name].encode(), name) for name in sorted(policies)])


def collect(registry: RegistryReading, stored: StoredRelease, own: Iterable[Artifact]) -> EvidenceFile:
    """Manifests and configs of the release and of its images, every bundle attached to them, and the file's own artifacts."""
    collecting = _Collecting(registry)
    for reference in (stored.reference, stored.infrastructure):
        collecting.subject(reference, with_layers=True)
    for image in stored.release.images:
        collecting.subject(image.reference, with_layers=False)
    replaced = collecting.replaced(stored.reference)
    for artifact in (*own, *([replaced] if replaced else [])):
        collecting.keep(Kept(_NOWHERE, artifact.manifest), artifact.blobs)
    return EvidenceFile(collecting.manifests, collecting.blobs)


def verify_file(
    content: bytes, verifier: EvidenceVerifier, *, trust: Digest | None = None, material: TrustMaterial | None = None
) -> Verified:
    """The proof of the release in the file, by the trust material inside, or by other `material`; nobody else is asked.

    Refused with the place where any byte of the file is another than it must be, and where the material is not `trust`.
    """
    file, index, blobs = read_evidence_file(content)
    try:
        stored = _release_in(file)
        own = [_own(file, TRUST_TYPE, blobs), _own(file, POLICIES_TYPE, blobs)]
        expected = collect(file, stored, own)
    except Refused as no:
        raise Refused(*(f"{INDEX}, or what it lists: {reason}" for reason in no.reasons)) from None
    if expected.index() != index:
        raise difference(INDEX, index, expected.index())
    surplus = sorted(blobs.keys() - expected.digests())
    if surplus:
        raise Refused(f"blobs/sha256/{surplus[0][7:]}: nothing in the file needs it: it was put into it")
    inside = own[0].manifest.digest
    if trust not in {None, inside}:
        raise Refused(f"the trust material inside is {inside}, not {trust}: somebody else's, or another day's")
    if material is not None:
        return Verified(stored, prove(look(file, verifier, stored, material)), inside)
    with unpack(_carried(own[0])) as found:
        return Verified(stored, prove(look(file, verifier, stored, found)), inside)


def trust_in(content: bytes) -> Digest:
    """The digest of the trust material in a file."""
    file, _, blobs = read_evidence_file(content)
    return _own(file, TRUST_TYPE, blobs).manifest.digest


class _Collecting:
    """What goes into a file."""

    def __init__(self, registry: RegistryReading) -> None:
        self._registry = registry
        self.manifests: list[Kept] = []
        self.blobs: dict[Digest, bytes] = {}

    def keep(self, kept: Kept, blobs: Mapping[Digest, bytes]) -> None:
        self.manifests.append(kept)
        self.blobs |= blobs

    def subject(self, reference: ImageReference, *, with_layers: bool) -> None:
        """The manifest, what it consists of, and every bundle attached to it."""
        repository = reference.repository
        stored = self._content(repository, reference.digest, with_layers=with_layers)
        for bundle in self._registry.bundles(repository, reference.digest):
            manifest = bundle_manifest(stored, bundle, claimed_type(bundle))
            self.keep(Kept(repository, manifest), {digest_of(bundle): bundle, digest_of(documents.EMPTY): documents.EMPTY})

    def replaced(self, release: ImageReference) -> Artifact | None:
        """The grants of other releases that those of this one say they replaced; None where there are none."""
        found: dict[Digest, bytes] = {}
        attached = {digest_of(bundle): bundle for bundle in self._registry.bundles(release.repository, release.digest)}
        for bundle in attached.values():
            grant = claimed_grant(bundle)
            if grant is not None and grant.replaces is not None and grant.replaces not in attached:
                # What is not there any more is for the verification to miss.
                with suppress(Refused):
                    found[grant.replaces] = self._registry.blob(release.repository, grant.replaces)
        layers = [(BUNDLE_TYPE, found[digest], "") for digest in sorted(found)]
        return _artifact(REPLACED_TYPE, None, layers) if layers else None

    def _content(self, repository: str, digest: Digest, *, with_layers: bool) -> StoredManifest:
        found = self._registry.manifest(repository, digest)
        document = documents.read_document(found.content) if found else None
        if found is None or document is None:
            raise Refused(f"{repository} holds no manifest {digest}: release the commit again")
        stored = stored_manifest(found.content)
        parts = [document.config, *(document.layers if with_layers else ())]
        self.keep(
            Kept(repository, stored), {part.digest: self._registry.blob(repository, part.digest) for part in parts if part}
        )
        for below in document.manifests:
            self._content(repository, below.digest, with_layers=with_layers)
        return stored


def _artifact(artifact_type: str, config: bytes | None, layers: list[tuple[str, bytes, str]]) -> Artifact:
    """An artifact of (media type, content, title) and its config; an empty one where there is none."""
    content = documents.titled_artifact_manifest(artifact_type, config, layers)
    blobs = {digest_of(one): one for one in (documents.EMPTY if config is None else config, *(layer for _, layer, _ in layers))}
    return Artifact(stored_manifest(content), blobs)


def _own(file: EvidenceFile, artifact_type: str, blobs: Mapping[Digest, bytes]) -> Artifact:
    """The one artifact of the type that the export made."""
    found = [kept for kept in file.of_type(artifact_type) if kept.repository == _NOWHERE]
    if len(found) != 1:
        raise Refused(f"{len(found)} artifacts of type {artifact_type} are listed, and there is always one")
    document = documents.read_document(found[0].manifest.content)
    parts = [] if document is None else [part.digest for part in (document.config, *document.layers) if part is not None]
    missing = [digest for digest in parts if digest not in blobs]
    if missing:
        raise Refused(f"{artifact_type} consists of {missing[0]}, which the file does not hold")
    return Artifact(found[0].manifest, {digest: blobs[digest] for digest in parts})


def _release_in(file: EvidenceFile) -> StoredRelease:
    found = file.of_type(RELEASE_TYPE)
    if len(found) != 1:
        raise Refused(f"{len(found)} releases are listed, and a file holds the evidence of one")
    service = found[0].repository.removesuffix("/releases")
    return releases.read(file, service, found[0].manifest.digest)


def _carried(artifact: Artifact) -> Carried:
    document = documents.read_document(artifact.manifest.content)
    if document is None or document.config is None:
        raise Refused("the trust material has no content")
    return Carried(artifact.blobs[document.config.digest], tuple(artifact.blobs[layer.digest] for layer in document.layers))
