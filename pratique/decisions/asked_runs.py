"""What speaks against a run that Prefect asks a worker for.

Whoever may start runs there, or edit deployments and pools, may choose one of our flows and its parameters, and nothing else.
A worker uses nothing of the rest; where there is something in it all the same, somebody has tried, and the run is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pratique.values._base import Value


class AskedRun(Value):
    """What Prefect says of a run, as far as it could choose more than a flow and its parameters."""

    flow: str
    """The name of its flow, as Prefect has it."""
    variables: Mapping[str, Any] = {}
    """Its own job variables: command, environment, image, …"""
    deployment: str | None = None
    """Without its flow's name; None for a run of no deployment."""
    entrypoint: str | None = None
    pull_steps: tuple[Mapping[str, Any], ...] = ()
    deployment_variables: Mapping[str, Any] = {}
    pool_type: str = ""
    pool_template: Mapping[str, Any] = {}


def objections(
    asked: AskedRun, *, flows: Collection[str], deployments: Collection[str], pool_type: str, template: Mapping[str, Any]
) -> tuple[str, ...]:
    """Every reason against running it; values are not repeated, for they may be what nobody should read."""
    found = []
    if asked.flow not in flows:
        found.append(f"this worker runs no flow of that name, only {', '.join(sorted(flows))}")
    if asked.deployment is None:
        found.append("it belongs to no deployment")
    elif asked.deployment not in deployments:
        found.append(f"its deployment is none of those that the settings name: {', '.join(sorted(deployments))}")
    if asked.variables:
        found.append(f"it carries job variables ({_names(asked.variables)})")
    if asked.deployment_variables:
        found.append(f"its deployment carries job variables ({_names(asked.deployment_variables)})")
    if asked.deployment is not None and asked.flow in flows and asked.entrypoint != entrypoint_of(asked.flow):
        found.append("its deployment has another entrypoint than its flow")
    if asked.pull_steps:
        found.append("its deployment has pull steps")
    if asked.pool_type != pool_type or dict(asked.pool_template) != dict(template):
        found.append("its work pool has another type or base job template than `pratique install` writes")
    return tuple(found)


def objections_to_parameters(parameters: Mapping[str, Any], known: Collection[str]) -> tuple[str, ...]:
    """What is wrong with their names and their form; whether each value is one of its type, the flow's own schema says."""
    found = [f"there is no parameter {name!r}" for name in sorted(set(parameters) - set(known))]
    # Prefect would load a block of its database in the place of such a value.
    found += [f"{name} refers to a block of Prefect's" for name in sorted(parameters) if _refers(parameters[name])]
    return tuple(found)


def entrypoint_of(flow: str) -> str:
    """Where the flow is defined."""
    return f"flows/{flow}.py:{flow}"


def _names(variables: Mapping[str, Any]) -> str:
    return ", ".join(sorted(map(repr, variables)))


def _refers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "$ref" in value or any(map(_refers, value.values()))
    return isinstance(value, list | tuple) and any(map(_refers, value))
