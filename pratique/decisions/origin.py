"""Which repository a service may come from: the operator's list, which no repository can change by itself.

Without it whoever may start a delivery could name somebody else's service in a `pratique.yaml` of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from pratique.values.decision import Decision

Origins = Mapping[str, str] | None
"""The repository of each service; None where the operator lets any repository name any service."""


def comes_from_its_repository(service: str, repository: str, origins: Origins) -> Decision:
    """Whether the operator lists exactly this repository as the service's; an empty list lets none in."""
    if origins is None:
        return Decision()
    listed = origins.get(service)
    if listed is None:
        known = ", ".join(sorted(origins)) or "none"
        remedy = f"add [services.{service}] with its repository"
        return Decision(reasons=(f"the settings list no service {service!r} (listed: {known}): {remedy}",))
    if listed != repository:
        remedy = f"deliver from there, or correct [services.{service}]"
        return Decision(reasons=(f"service {service!r} comes from {listed} by the settings, not from {repository}: {remedy}",))
    return Decision()
