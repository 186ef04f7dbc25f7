"""What one environment changes: only what differs is written, everything else stays as the service says.

A value replaces the service's own. A mapping is merged key by key, and `null` takes a key away.
What makes the container safe (user, writable paths, port, health check) cannot be changed here, so that
what runs in production is what was tried before it. For the same reason a check can be replaced, not removed.
"""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import Field

from pratique.values._base import Value
from pratique.values.checks import Check
from pratique.values.duration import Duration, Span
from pratique.values.names import Name
from pratique.values.recurrence import Recurrence
from pratique.values.references import EnvironmentSecretText
from pratique.values.requirements import Requirements
from pratique.values.sections import Memory, ParameterName, Retries, Text, VariableName

Key = TypeVar("Key")
Item = TypeVar("Item")

Queue = Literal["all", "newest"]


class ResourceOverlay(Value):
    """What one environment changes of the limits."""

    memory: Memory | None = None
    cpus: float | None = Field(default=None, gt=0, le=64)
    pids: int | None = Field(default=None, ge=1, le=32768)


class WorkloadOverlay(Value):
    """What one environment changes of the workload."""

    publish: int | None = Field(default=None, ge=0, le=65535)
    """The port on this environment's target host."""
    command: tuple[Text, ...] | None = None
    variables: dict[VariableName, Text | None] = Field(default_factory=dict)
    """Variables to set here; `null` takes one of the service's own away."""
    secrets: dict[VariableName, EnvironmentSecretText | None] = Field(default_factory=dict)
    """Secrets to set here; `null` takes one of the service's own away."""
    resources: ResourceOverlay = ResourceOverlay()
    drain: Duration | None = None
    ready_within: Span | None = None


class StackOverlay(Value):
    """What one environment changes of a stack."""

    parameters: dict[ParameterName, Text | None] = Field(default_factory=dict)
    """Parameters to set here; `null` falls back to the template's default."""


class EnvironmentSection(Value):
    """One environment the service moves through: what comes before it, and what differs there."""

    after: tuple[Name, ...] = Field(default=(), max_length=64)
    """Its upstream environments: a release comes here only once it has been granted in all of them."""
    target: Name = "docker"
    """Which of the environment's targets runs the workload; the operator's settings say where that is."""
    workload: WorkloadOverlay = WorkloadOverlay()
    infrastructure: dict[Name, StackOverlay] = Field(default_factory=dict)
    """By the stack's name."""
    checks: tuple[Check, ...] = Field(default=(), max_length=64)
    """Checks in addition to the service's own; one with the same name replaces it."""
    retries: Retries | None = None
    windows: tuple[Recurrence, ...] = Field(default=(), max_length=16)
    """When a new release may come here, and the clock then brings the newest one; none: at any time, and by no clock."""
    freezes: tuple[Recurrence, ...] = Field(default=(), max_length=16)
    """When no new release may come here, whatever the windows say."""
    gates: Requirements = Requirements()
    """What is asked of a release before it may come here; the operator's settings may ask for more."""
    queue: Queue = "all"
    """Of promotions that wait for each other, `all` have their turn, or only the one of the `newest` release."""


def merged(base: dict[Key, Item], overlay: dict[Key, Item | None]) -> dict[Key, Item]:
    """`base` with the overlay's items set, and those taken away that are None in the overlay."""
    kept = {key: item for key, item in base.items() if key not in overlay}
    return kept | {key: item for key, item in overlay.items() if item is not None}
