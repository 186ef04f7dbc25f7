"""Copies: releases in the registry or the repositories that an environment has of its own."""

from __future__ import annotations

from pratique.bootstrap import clients
from pratique.pipeline.copies import copy_release
from pratique.values.environment import Environment
from pratique.values.promotion import Standing
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_COPY
from tasks._step import step, tell


async def copy_to(environment: Environment, stored: StoredRelease, before: Standing | None) -> None:
    """Return when the environment can pull the release, and the one that it would go back to, from where it always pulls."""
    if not clients().place(environment.name).keeps_copies:
        return
    await copy(environment, stored)
    if before is not None and before.stored != stored:
        await copy(environment, before.stored)


@step("copy to {environment.name}", RETRY_COPY)
def copy(environment: Environment, stored: StoredRelease) -> None:
    """The release with its images, its infrastructure and all evidence, where the environment pulls from; copied by digest."""
    for part, copied in copy_release(clients(), stored, environment):
        if copied.manifests:
            blobs = f"{copied.mounted} blobs mounted, {copied.sent} sent ({copied.bytes_sent} bytes)"
            tell(f"{part}: {copied.manifests} manifests copied, {blobs}")
        else:
            tell(f"{part} is there already, with all its evidence")
