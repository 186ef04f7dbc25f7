"""The commit, and what it says of its service."""

from __future__ import annotations

from pratique.bootstrap import clients
from pratique.pipeline.service import service_at
from pratique.values.commit import Commit
from pratique.values.manifest import Manifest
from tasks._retries import RETRY_SOURCE
from tasks._step import inline_step, tell


@inline_step(RETRY_SOURCE)
def find_commit(repository: str, ref: str) -> Commit:
    """The commit that `ref` names now."""
    commit = clients().source().resolve(repository, ref)
    tell(f"{ref} is commit {commit.short} by {commit.author}: {commit.subject}")
    return commit


@inline_step(RETRY_SOURCE)
def read_service(commit: Commit) -> Manifest:
    """The service's manifest at the commit, its infrastructure modules checked against it."""
    return service_at(clients(), commit).manifest
