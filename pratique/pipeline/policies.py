"""The policies that a release is judged by: those that ship, the operator's, and its own."""

from __future__ import annotations

from pratique.bootstrap import Clients
from pratique.clients.policy_files import operator_modules, service_modules, shipped_modules
from pratique.clients.releases import infrastructure
from pratique.decisions.bundle import unpack
from pratique.decisions.bundled_policies import policies_of
from pratique.values.gate import Module
from pratique.values.release import StoredRelease


def modules_for(clients: Clients, stored: StoredRelease) -> tuple[Module, ...]:
    """Every module that says something about the release; its own as its commit had them."""
    return (*shipped_modules(), *operator_modules(clients.settings.policies), *_own(clients, stored))


def _own(clients: Clients, stored: StoredRelease) -> tuple[Module, ...]:
    manifest = stored.release.manifest
    if manifest.policies is None:
        return ()
    with clients.registry() as registry:
        files = unpack(infrastructure(registry, stored))
    return service_modules(policies_of(files, manifest))
