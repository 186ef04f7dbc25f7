"""The sections of `pratique.yaml` that hold for every environment."""

from __future__ import annotations

import posixpath
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from pratique.values._base import Value
from pratique.values.duration import Duration, Span
from pratique.values.names import Name
from pratique.values.references import EnvironmentSecretText, SecretText


def _stays_inside(path: str) -> str:
    if path.startswith(("/", "-")) or ".." in path.split("/"):
        raise ValueError("write a path inside the repository, relative, without `..`, not starting with a hyphen")
    return posixpath.normpath(path)


def _stays_below_root(path: str) -> str:
    if {".", ".."} & set(path.split("/")) or not path.strip("/"):
        raise ValueError("write an absolute path below the root, without `.` and `..`, such as /tmp")
    return path


def _not_root(user: str) -> str:
    if int(user.split(":", maxsplit=1)[0]) == 0:
        raise ValueError("user 0 is root: name another numeric user, such as 65532:65532")
    return user


RelativePath = Annotated[str, StringConstraints(pattern=r"^[^\\\x00-\x1f]+$", max_length=512), AfterValidator(_stays_inside)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,255}$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=4096)]
Memory = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,6}(?:Ki|Mi|Gi)$")]
Version = Annotated[str, StringConstraints(pattern=r"^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$")]
"""Three numbers, as semver.org orders them; no ranges, no pre-releases."""
WritablePath = Annotated[
    str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]+$", max_length=255), AfterValidator(_stays_below_root)
]
User = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}(?::[0-9]{1,10})?$"), AfterValidator(_not_root)]


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
    """The stack's name within the service; `${<name>.<Output>}` reads its outputs."""
    module: RelativePath
    """The folder of the module: `module.yaml` (name, version) and `template.yaml` (CloudFormation)."""
    version: Version
    """The version this service was written for (semver.org, no ranges); another one in `module.yaml` is refused."""
    parameters: dict[ParameterName, Text] = Field(default_factory=dict)
    """The template's parameters; `${environment}` is replaced by the environment's name."""


class ResourceLimits(Value):
    """What one container may use at most."""

    memory: Memory = "128Mi"
    cpus: float = Field(default=0.5, gt=0, le=64)
    pids: int = Field(default=128, ge=1, le=32768)


class EngineHealthcheck(Value):
    """How a container is asked whether it is well: by a deployment before traffic reaches it, by its engine ever after."""

    command: tuple[Text, ...] = Field(min_length=1)
    """Run inside the container, without a shell; exit status 0 is healthy."""
    interval: Span = timedelta(seconds=10)
    """How long the engine waits between two looks: each starts a process in the container, on a host that may have many."""
    timeout: Span = timedelta(seconds=3)
    retries: int = Field(default=3, ge=1, le=100)


class WorkloadSection(Value):
    """The containers that run: one image of the release, hardened unless it says otherwise."""

    image: Name
    """Which of `images` runs."""
    port: int = Field(ge=1, le=65535)
    """The port the service listens on inside its container."""
    publish: int = Field(default=0, ge=0, le=65535)
    """The port on the target host; 0 picks a free one, which then stays."""
    command: tuple[Text, ...] = ()
    """Instead of the image's own command; taken as it is, without a shell and without placeholders."""
    variables: dict[VariableName, Text] = Field(default_factory=dict)
    """Environment variables; `${environment}` is replaced by its name, `${stack.Output}` by that stack's output."""
    secrets: dict[VariableName, EnvironmentSecretText] = Field(default_factory=dict)
    """Environment variables whose values are in Vault; `${environment}` may stand in the path."""
    user: User = "65532:65532"
    """Numeric user and group; root (0) is refused."""
    writable: tuple[WritablePath, ...] = ()
    """Paths on a temporary file system in memory; everything else is read-only."""
    resources: ResourceLimits = ResourceLimits()
    healthcheck: EngineHealthcheck | None = None
    ready_within: Span = timedelta(seconds=60)
    """How long a new container may take to become ready."""
    drain: Duration = timedelta(seconds=5)
    """How long the old container may finish what it has begun, after traffic has moved."""


class Retries(Value):
    """How often, and for how long in all, a step is asked again after a transient failure."""

    attempts: int = Field(default=5, ge=1, le=20)
    within: Span = timedelta(minutes=5)
