"""The policies that a release is judged by: those that ship, the operator's, and its own."""

from __future__ import annotations

from collections.abc import Sequence

from pratique.bootstrap import Clients
from pratique.clients.policy_files import operator_modules, service_modules, shipped_modules
from pratique.clients.releases import infrastructure
from pratique.decisions.bundle import unpack
from pratique.decisions.bundled_policies import policies_of
from pratique.decisions.policy import policy_digest
from pratique.decisions.policy_sets import modules_digest
from pratique.values.digest import Digest
from pratique.values.environment import Environment
from pratique.values.gate import Module
from pratique.values.release import StoredRelease


def modules_for(clients: Clients, stored: StoredRelease) -> tuple[Module, ...]:
    """Every module that says something about the release; its own as its commit had them."""
    return (*shipped_modules(), *operator_modules(clients.settings.policies), *_own(clients, stored))


def policy_in(clients: Clients, environment: Environment, modules: Sequence[Module]) -> Digest:
    """The digest of everything that is asked of a release in the environment now, by these modules among others."""
    place = clients.place(environment.name)
    return policy_digest(
        environment,
        policies=modules_digest(modules),
        asked_by_operator=place.gates,
        after=place.after,
        exceptions=place.exceptions,
        people=clients.people,
        trusted=place.trust,
        origins=clients.origins,
    )


def _own(clients: Clients, stored: StoredRelease) -> tuple[Module, ...]:
    manifest = stored.release.manifest
    if manifest.policies is None:
        return ()
    with clients.registry() as registry:
        files = unpack(infrastructure(registry, stored))
    return service_modules(policies_of(files, manifest))
