"""`pratique.yaml`: what a service ships, how it is checked, and the environments it moves through.

Environment-specific values are overlays (`EnvironmentSection`): they say what differs, never repeat what does not.
Where the environments *are* and whom they trust is the operator's to say (`pratique.settings`), not the service's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from pratique.values._base import Value
from pratique.values.checks import Check
from pratique.values.dag import require_acyclic
from pratique.values.duration import Duration
from pratique.values.names import Name
from pratique.values.references import SecretText

MANIFEST_FILE = "pratique.yaml"


def _stays_inside(path: str) -> str:
    if path.startswith(("/", "-")) or ".." in path.split("/"):
        raise ValueError("write a path inside the repository: relative, without `..`, not starting with a hyphen")
    return path


RelativePath = Annotated[str, StringConstraints(pattern=r"^[^\\\x00-\x1f]+$", max_length=512), AfterValidator(_stays_inside)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,255}$")]
Text = Annotated[str, StringConstraints(max_length=4096)]
Memory = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,6}(?:Ki|Mi|Gi)$")]


class ImageSection(Value):
    """One image of the service, built from the commit."""

    name: Name
    context: RelativePath = "."
    """The folder that is sent to the engine, relative to the repository's root."""
    dockerfile: RelativePath = "Dockerfile"
    """Relative to `context`."""
    target: Name | None = None
    """The stage of a multi-stage Dockerfile to build; the last one if absent."""
    args: dict[VariableName, Text] = Field(default_factory=dict)
    """Build arguments. They stay in the image's history, so never secrets.

    `SOURCE_COMMIT` and `SOURCE_DATE_EPOCH` are given to every build.
    """
    secrets: dict[Name, SecretText] = Field(default_factory=dict)
    """Build secrets, mounted at `/run/secrets/<name>` for `RUN --mount=type=secret,id=<name>`; needs BuildKit."""


class StackSection(Value):
    """One infrastructure stack, made from one versioned module."""

    stack: Name
    module: RelativePath
    """The folder of the module: `module.yaml` (name, version) and `template.yaml` (CloudFormation)."""
    version: str = Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")
    """The version this service was written for (semver.org, no ranges); another one in `module.yaml` is refused."""
    parameters: dict[ParameterName, Text] = Field(default_factory=dict)


class ResourceLimits(Value):
    """What one container may use at most."""

    memory: Memory = "128Mi"
    cpus: float = Field(default=0.5, gt=0, le=64)
    pids: int = Field(default=128, ge=1, le=32768)


class EngineHealthcheck(Value):
    """How the engine itself asks a new container whether it is ready, before any traffic reaches it."""

    command: tuple[str, ...] = Field(min_length=1)
    """Run inside the container, without a shell; exit status 0 is healthy."""
    interval: Duration = timedelta(seconds=1)
    timeout: Duration = timedelta(seconds=3)
    retries: int = Field(default=3, ge=1, le=100)


class WorkloadSection(Value):
    """The containers that run: one image of the release, hardened unless it says otherwise."""

    image: Name
    port: int = Field(ge=1, le=65535)
    """The port the service listens on inside its container."""
    publish: int = Field(default=0, ge=0, le=65535)
    """The port on the target host; 0 lets the engine pick one, which then stays."""
    command: tuple[str, ...] = ()
    variables: dict[VariableName, Text] = Field(default_factory=dict)
    """Environment variables; `${stack.Output}` is replaced by that stack's output."""
    secrets: dict[VariableName, SecretText] = Field(default_factory=dict)
    user: str = Field(default="65532:65532", pattern=r"^[0-9]{1,10}(?::[0-9]{1,10})?$")
    """Numeric; root (0) is refused."""
    writable: tuple[Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]+$")], ...] = ()
    """Paths on a temporary file system in memory; everything else is read-only."""
    resources: ResourceLimits = ResourceLimits()
    healthcheck: EngineHealthcheck | None = None
    ready_within: Duration = timedelta(seconds=60)
    drain: Duration = timedelta(seconds=5)
    """How long the old container may finish what it has begun, after traffic has moved."""

    @model_validator(mode="after")
    def _not_root(self) -> WorkloadSection:
        if int(self.user.split(":", maxsplit=1)[0]) == 0:
            raise ValueError("user 0 is root: name another numeric user, such as 65532:65532")
        return self


class Retries(Value):
    """How often, and for how long in all, a step is asked again after a transient failure."""

    attempts: int = Field(default=5, ge=1, le=20)
    within: Duration = timedelta(minutes=5)


class WorkloadOverlay(Value):
    """What one environment changes of the workload."""

    publish: int | None = Field(default=None, ge=0, le=65535)
    variables: dict[VariableName, Text] = Field(default_factory=dict)
    secrets: dict[VariableName, SecretText] = Field(default_factory=dict)
    resources: ResourceLimits | None = None
    drain: Duration | None = None
    ready_within: Duration | None = None


class StackOverlay(Value):
    """What one environment changes of a stack."""

    parameters: dict[ParameterName, Text] = Field(default_factory=dict)


class EnvironmentSection(Value):
    """One environment the service moves through: what comes before it, and what differs there."""

    after: tuple[Name, ...] = ()
    """Its upstream environments: a release comes here only once it has been granted in all of them."""
    target: Name = "docker"
    """Which of the environment's targets runs the workload; the operator's settings say where that is."""
    workload: WorkloadOverlay = WorkloadOverlay()
    infrastructure: dict[Name, StackOverlay] = Field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    """Checks in addition to the service's own; one with the same name replaces it."""
    retries: Retries | None = None


class Manifest(Value):
    """The whole of `pratique.yaml`."""

    version: Literal[1]
    """The version of this format."""
    service: Name
    images: tuple[ImageSection, ...] = Field(min_length=1, max_length=32)
    infrastructure: tuple[StackSection, ...] = Field(default=(), max_length=64)
    """Stacks, applied in this order."""
    workload: WorkloadSection
    checks: tuple[Check, ...] = Field(min_length=1, max_length=64)
    """What must hold after something changed; at least one, because nothing measured is nothing known."""
    environments: dict[Name, EnvironmentSection] = Field(min_length=1, max_length=64)
    retries: Retries = Retries()

    @model_validator(mode="after")
    def _names_are_known(self) -> Manifest:
        images = [image.name for image in self.images]
        stacks = [stack.stack for stack in self.infrastructure]
        for kind, names in (("image", images), ("stack", stacks), ("check", [check.name for check in self.checks])):
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{kind} {repeated[0]!r} is defined twice: give each {kind} its own name")
        if self.workload.image not in images:
            raise ValueError(f"workload.image: no image {self.workload.image!r}; known: {', '.join(images)}")
        for name, environment in self.environments.items():
            if unknown := sorted(set(environment.infrastructure) - set(stacks)):
                known = ", ".join(stacks) or "none"
                raise ValueError(f"environments.{name}.infrastructure: no stack {unknown[0]!r}; known: {known}")
        require_acyclic({name: section.after for name, section in self.environments.items()})
        return self
