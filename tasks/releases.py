"""Releases: found, put together, read again by digest."""

from __future__ import annotations

from collections.abc import Sequence

from pratique.bootstrap import clients
from pratique.clients.releases import find, read, store, store_infrastructure
from pratique.decisions.bundle import pack
from pratique.decisions.gates import every_image_has_a_bill
from pratique.pipeline.content import missing_content
from pratique.pipeline.service import service_at
from pratique.pipeline.verification import judge_evidence
from pratique.values.commit import Commit
from pratique.values.manifest import Manifest
from pratique.values.release import Release, ReleasedImage, StoredRelease
from tasks._retries import RETRY_LEDGER, RETRY_REGISTRY
from tasks._step import inline_step, step, tell


@step("look for a release of the commit", RETRY_REGISTRY)
def find_release(commit: Commit, service: str) -> StoredRelease | None:
    """The commit's release, if it was made before, all its evidence still verifies, and none of it is missing."""
    with clients().registry() as registry:
        found = find(registry, service, commit.id)
        if found is None:
            return None
        missing = missing_content(registry, found)
    reasons = missing or judge_evidence(clients(), found, every_image_has_a_bill).reasons
    if reasons:
        tell(f"release {found.digest} of this commit is not reused but made again: {'; '.join(reasons)}")
        return None
    tell(f"nothing to build: {found.label} is signed and stored already")
    return found


@step("store the release", RETRY_REGISTRY)
def store_release(commit: Commit, manifest: Manifest, images: Sequence[ReleasedImage]) -> StoredRelease:
    """The release, stored as one artifact that names by digest its images and the infrastructure bundle of the commit."""
    bundle = pack(service_at(clients(), commit).files)
    with clients().registry() as registry:
        infrastructure = store_infrastructure(registry, manifest.service, bundle)
        release = Release(
            service=manifest.service, commit=commit, images=tuple(images), infrastructure=infrastructure, manifest=manifest
        )
        return store(registry, release)


@inline_step(RETRY_REGISTRY)
def read_release(service: str, digest: str) -> StoredRelease:
    """The release of that digest."""
    with clients().registry() as registry:
        return read(registry, service, digest)


@inline_step(RETRY_LEDGER)
def finish_release(stored: StoredRelease) -> StoredRelease:
    """The release, known to the ledger from now on."""
    with clients().ledger() as ledger:
        ledger.record_release(stored)
    return stored
