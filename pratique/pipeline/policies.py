"""The policies that a release is judged by: those that ship, the operator's, and its own."""

from __future__ import annotations

from pratique.bootstrap import Clients
from pratique.clients.policy_files import operator_modules, shipped_modules
from pratique.values.gate import Module
from pratique.values.release import StoredRelease


def modules_for(clients: Clients, stored: StoredRelease) -> tuple[Module, ...]:  # noqa: ARG001
    """Every module that says something about the release."""
    return (*shipped_modules(), *operator_modules(clients.settings.policies))
