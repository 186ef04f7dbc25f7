"""The ledger, rebuilt from the registry: every release that is found there, and what is attached to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from pratique.bootstrap import Clients
from pratique.clients import releases
from pratique.clients.ports import Log, Registry
from pratique.clients.sigstore.gather import gather_one, sort_out
from pratique.decisions.rebuilding import Found, grants_of, rebuilt_from
from pratique.errors import Refused
from pratique.pipeline.cited import cited_grant
from pratique.pipeline.rulers import rulers
from pratique.values.digest import Digest
from pratique.values.names import NAME_PATTERN
from pratique.values.rebuilt import Rebuilt
from pratique.values.release import StoredRelease, commit_tag, release_repository

_COMMIT, _RELEASES = commit_tag(""), release_repository("")


def rebuild_ledger(clients: Clients, services: Sequence[str], log: Log) -> Rebuilt:
    """What the ledger holds from now on; refused before anything is read where it is not empty."""
    with clients.ledger() as ledger:
        ledger.require_empty()
    rebuilt = read_past(clients, services, log)
    with clients.ledger() as ledger:
        ledger.rebuild(rebuilt)
    return rebuilt


def read_past(clients: Clients, services: Sequence[str], log: Log) -> Rebuilt:
    """What the registry's signed evidence tells of these services, or of all; refused where it tells of none."""
    found: list[Found] = []
    left_out: list[str] = []
    now = datetime.now(UTC)
    with clients.registry() as registry:
        for service in services or _known_services(clients, registry):
            past = _Past(clients, registry, service, now)
            past.read()
            log(f"{service}: {len(past.found)} releases in the registry")
            found += past.found.values()
            left_out += past.left_out
    rebuilt = rebuilt_from(found, clients.trust, clients.origins, now)
    left_out += rebuilt.left_out
    if not rebuilt.releases:
        raise Refused(f"no release that counts is in the registry at {clients.settings.registry.address}", *left_out)
    return rebuilt.model_copy(update={"left_out": tuple(left_out)})


def _known_services(clients: Clients, registry: Registry) -> list[str]:
    """Those of the settings; where they list none, those that the registry has releases of."""
    if clients.settings.services:
        return sorted(clients.settings.services)
    names = (name.removesuffix(_RELEASES) for name in registry.repositories() if name.endswith(_RELEASES))
    return sorted(name for name in names if re.fullmatch(NAME_PATTERN, name))


class _Past:
    """The releases of one service: those that a tag leads to, and those that a grant has replaced whose tag is gone."""

    def __init__(self, clients: Clients, registry: Registry, service: str, now: datetime) -> None:
        self._clients, self._registry, self._service, self._now = clients, registry, service, now
        self._verifier, self._rulers = clients.verifier(), rulers(clients)
        self.found: dict[Digest, Found] = {}
        self.left_out: list[str] = []

    def read(self) -> None:
        for tag in sorted(self._registry.tags(release_repository(self._service))):
            if tag.startswith(_COMMIT):
                with self._leaving_out(f"the tag {tag} of {self._service}"):
                    stored = releases.find(self._registry, self._service, tag.removeprefix(_COMMIT))
                    if stored is None:
                        raise Refused("it leads to no release that this version reads")
                    self._add(stored)
        followed: set[tuple[str, Digest]] = set()
        while missing := self._replaced() - followed:
            followed |= missing
            for environment, bundle in sorted(missing):
                with self._leaving_out(f"grant {bundle[7:19]} of {self._service}, which was replaced in {environment!r},"):
                    self._add(self._replaced_release(environment, bundle))

    def _add(self, stored: StoredRelease) -> None:
        if stored.digest in self.found:
            return
        registry, reference, trust = self._registry, stored.reference, self._clients.trust
        bundles = registry.bundles(reference.repository, reference.digest)
        images = (gather_one(registry, self._verifier, image.reference, trust) for image in stored.release.images)
        places = self._clients.settings.environments.items()
        self.found[stored.digest] = Found(
            stored=stored,
            evidence=(sort_out(self._verifier, reference, bundles, trust, self._rulers), *images),
            own={name: sort_out(self._verifier, reference, bundles, place.trust) for name, place in places},
        )

    def _replaced(self) -> set[tuple[str, Digest]]:
        """Grants that a grant has replaced and no release that was found has."""
        grants = [signed for one in self.found.values() for signed in grants_of(one, self._now)]
        named = {(signed.grant.environment, signed.grant.replaces) for signed in grants}
        known = {signed.bundle for signed in grants}
        return {(environment, bundle) for environment, bundle in named if bundle is not None and bundle not in known}

    def _replaced_release(self, environment: str, bundle: Digest) -> StoredRelease:
        trusted = self._clients.place(environment).trust
        signed = cited_grant(self._registry, self._verifier, self._service, bundle, trusted)
        return releases.read(self._registry, self._service, signed.grant.release)

    @contextmanager
    def _leaving_out(self, what: str) -> Iterator[None]:
        """What is refused within it is left out, and told."""
        try:
            yield
        except Refused as no:
            self.left_out.append(f"{what} is left out: {no}")
