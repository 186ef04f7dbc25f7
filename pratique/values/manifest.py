"""`pratique.yaml`: what a service ships, how it is checked, and the environments it moves through.

Its sections are in `sections` (for every environment) and `overlays` (what one environment changes).
Where the environments *are* and whom they trust is the operator's to say (`pratique.settings`), not the service's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from pratique.values._base import Value
from pratique.values.agreement import require_agreement
from pratique.values.checks import Check
from pratique.values.dag import upstream_first
from pratique.values.names import Name
from pratique.values.overlays import EnvironmentSection, ResourceOverlay, StackOverlay, WorkloadOverlay
from pratique.values.sections import (
    EngineHealthcheck,
    ImageSection,
    RelativePath,
    ResourceLimits,
    Retries,
    StackSection,
    WorkloadSection,
)

__all__ = [
    "MANIFEST_FILE",
    "EngineHealthcheck",
    "EnvironmentSection",
    "ImageSection",
    "Manifest",
    "RelativePath",
    "ResourceLimits",
    "ResourceOverlay",
    "Retries",
    "StackOverlay",
    "StackSection",
    "WorkloadOverlay",
    "WorkloadSection",
]

MANIFEST_FILE = "pratique.yaml"


def _whole_number(version: object) -> object:
    # `true` and `1.0` equal 1 in Python, and would pass for it.
    return version if type(version) is int else str(version)


class Manifest(Value):
    """What a service ships, how it is checked, and the environments it moves through."""

    version: Annotated[Literal[1], BeforeValidator(_whole_number)]
    """The version of this format."""
    service: Name
    """The service's name, the same wherever it appears."""
    images: tuple[ImageSection, ...] = Field(min_length=1, max_length=32)
    """The images that are built from each commit."""
    infrastructure: tuple[StackSection, ...] = Field(default=(), max_length=64)
    """Stacks, applied in this order."""
    policies: RelativePath | None = None
    """The folder of the service's own policies: every `*.rego` below it, tests included, is part of the release."""
    workload: WorkloadSection
    checks: tuple[Check, ...] = Field(min_length=1, max_length=64)
    """What must hold after something changed; at least one, because nothing measured is nothing known."""
    environments: dict[Name, EnvironmentSection] = Field(min_length=1, max_length=64)
    """The environments by name, with what differs in each."""
    retries: Retries = Retries()

    @model_validator(mode="after")
    def _its_parts_agree(self) -> Manifest:
        require_agreement(self)
        return self

    @property
    def after(self) -> dict[str, tuple[str, ...]]:
        """The environments, each with those that it comes after."""
        return {name: section.after for name, section in self.environments.items()}

    @property
    def generations(self) -> list[tuple[str, ...]]:
        """The environments, upstream first; those of one generation do not come after each other."""
        return upstream_first(self.after)
