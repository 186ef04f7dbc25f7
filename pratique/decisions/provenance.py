"""Statements about images and releases: their signature, and their provenance.

Format: SLSA provenance v1 (slsa.dev/spec/v1.0/provenance); our build types are documented in docs/formats.md.
What a statement holds comes from the commit and the manifest alone, except for `RunDetails`: a build repeated with
the same details gives the same bytes.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from pydantic import AwareDatetime, Field

from pratique.values._base import Value
from pratique.values.commit import Commit
from pratique.values.digest import Digest, hex_of
from pratique.values.evidence import BUILD_TYPE, PROVENANCE_PREDICATE, SIGNATURE_PREDICATE, Statement, statement_about
from pratique.values.manifest import ImageSection
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease

RELEASE_BUILD_TYPE = "https://pratique.dev/build/release/v1"
"""`buildType` of a release: images and infrastructure put together, nothing compiled."""

INFRASTRUCTURE = "infrastructure"
"""The name under which a release's provenance lists its infrastructure bundle."""


class RunDetails(Value):
    """Who built, and what is known of that one run; leave out what a repetition could not repeat."""

    builder: str = Field(min_length=1)
    """A URI that names the pipeline which built."""
    invocation: str = ""
    started: AwareDatetime | None = None
    finished: AwareDatetime | None = None

    def as_slsa(self) -> dict[str, Any]:
        """SLSA's `runDetails`; what is unknown is left out."""
        known = {"invocationId": self.invocation, "startedOn": _rfc3339(self.started), "finishedOn": _rfc3339(self.finished)}
        metadata = {key: value for key, value in known.items() if value}
        return {"builder": {"id": self.builder}} | ({"metadata": metadata} if metadata else {})


def signature_statement(name: str, digest: Digest) -> Statement:
    """The statement that cosign v3 signs for `cosign sign`: this digest, and nothing else."""
    return statement_about(name, digest, SIGNATURE_PREDICATE, {})


def image_provenance(reference: ImageReference, section: ImageSection, commit: Commit, run: RunDetails) -> Statement:
    """The provenance of an image built from a commit as the manifest's section says; build secrets by reference."""
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": {"source": _source(commit), "image": section.model_dump(mode="json")},
        "internalParameters": {},
        "resolvedDependencies": [_commit_dependency(commit)],
    }
    return _provenance(reference, definition, run)


def release_provenance(stored: StoredRelease, run: RunDetails) -> Statement:
    """The provenance of a release: the commit, and everything it puts together, by digest."""
    release = stored.release
    definition = {
        "buildType": RELEASE_BUILD_TYPE,
        "externalParameters": {"source": _source(release.commit), "service": release.service},
        "internalParameters": {},
        "resolvedDependencies": [
            _commit_dependency(release.commit),
            *({"name": name, "digest": {"sha256": hex_of(digest)}} for name, digest in parts_of(stored)),
        ],
    }
    return _provenance(stored.reference, definition, run)


def image_statements(
    reference: ImageReference, section: ImageSection, commit: Commit, run: RunDetails
) -> tuple[Statement, Statement]:
    """What is signed about an image: its signature and its provenance."""
    return signature_statement(reference.repository, reference.digest), image_provenance(reference, section, commit, run)


def release_statements(stored: StoredRelease, run: RunDetails) -> tuple[Statement, Statement]:
    """What is signed about a release: its signature and its provenance."""
    return signature_statement(stored.reference.repository, stored.digest), release_provenance(stored, run)


def source_uri(commit: Commit) -> str:
    """The commit as an SPDX download location, `git+<url>@<commit>`, which is what SLSA asks for."""
    repository = commit.repository
    if repository.startswith("/"):
        repository = f"file://{repository}"
    elif "://" not in repository and ":" in repository:  # host:path, as ssh takes it
        repository = f"ssh://{repository.replace(':', '/', 1)}"
    return f"git+{repository}@{commit.id}"


def _source(commit: Commit) -> dict[str, str]:
    return {"repository": commit.repository, "commit": commit.id}


def _commit_dependency(commit: Commit) -> dict[str, Any]:
    return {"uri": source_uri(commit), "digest": {"gitCommit": commit.id}}


def parts_of(stored: StoredRelease) -> list[tuple[str, Digest]]:
    """What a release puts together, as its provenance lists it: name and digest of each image and of the infrastructure."""
    images = [(image.reference.repository, image.reference.digest) for image in stored.release.images]
    return [*images, (INFRASTRUCTURE, stored.release.infrastructure)]


def _provenance(reference: ImageReference, definition: dict[str, Any], run: RunDetails) -> Statement:
    predicate = {"buildDefinition": definition, "runDetails": run.as_slsa()}
    return statement_about(reference.repository, reference.digest, PROVENANCE_PREDICATE, predicate)


def _rfc3339(time: AwareDatetime | None) -> str:
    return "" if time is None else time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
