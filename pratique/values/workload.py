"""Workloads: what should run for a service in an environment, and what does."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pratique.values._base import Value
from pratique.values.digest import Digest, canonical_json, digest_of
from pratique.values.manifest import WorkloadSection
from pratique.values.names import CommitId, Name
from pratique.values.references import ImageReference


class DesiredWorkload(Value):
    """What should run: one release's image with the environment's values; its secrets by reference."""

    service: Name
    environment: Name
    release: Digest
    commit: CommitId
    image: ImageReference
    section: WorkloadSection
    """The workload with the environment's overlay applied and `${stack.Output}` resolved."""

    @property
    def specification(self) -> Digest:
        """Changes exactly when what runs would change; secrets count by reference, not by value."""
        return digest_of(canonical_json(self.model_dump(mode="json")))


class RunningContainer(Value):
    """One container of a service in an environment, as the engine tells."""

    id: str
    release: str
    specification: str
    fence: int
    healthy: bool
    serving: bool
    """Whether traffic is switched to it."""


class WorkloadState(Value):
    """What runs for a service in an environment."""

    containers: tuple[RunningContainer, ...] = ()
    address: str = ""
    """`host:port` where the service is reached; empty while nothing serves."""
    fence: int = 0
    """The highest fence seen there; 0 where none was."""

    @property
    def serving(self) -> RunningContainer | None:
        """The container that traffic reaches."""
        return next((container for container in self.containers if container.serving), None)


Fence = Annotated[int, Field(ge=1)]
"""A number that only grows, one per taking of an environment's lock; a target refuses a smaller one than it has seen."""
