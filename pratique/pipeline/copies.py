"""Copies: what an environment with repositories of its own has to hold before a release may come in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pratique.bootstrap import Clients
from pratique.clients.ports import Copied, Registry
from pratique.values.environment import Environment
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.relocation import relocated


def copy_release(clients: Clients, stored: StoredRelease, environment: Environment) -> Iterator[tuple[ImageReference, Copied]]:
    """Each part of the release, as the environment holds it with all its evidence; what it held already is not copied again.

    The release itself comes last: one that is there is whole.
    """
    pattern = clients.place(environment.name).repository
    parts = [*(image.reference for image in stored.release.images), stored.infrastructure, stored.reference]
    with clients.registry() as registry, _own(clients, environment) as own:
        for part in parts:
            there = relocated(part, pattern)
            yield there, registry.copy(part.repository, part.digest, there.repository, own)


@contextmanager
def _own(clients: Clients, environment: Environment) -> Iterator[Registry | None]:
    settings = clients.place(environment.name).registry
    if settings is None:
        yield None
        return
    with clients.registry(settings) as own:
        yield own
