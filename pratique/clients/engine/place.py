"""A place: one service in one environment on a Docker host, and the names and labels of everything that is ours there.

What is ours is known by its labels alone; names are for people. Nothing without the labels is ever touched.
"""

from __future__ import annotations

from collections.abc import Mapping

from docker import DockerClient
from docker.models.containers import Container

from pratique.clients.engine.errors import translated
from pratique.errors import Refused
from pratique.values._base import Value
from pratique.values.digest import digest_of

_PREFIX = "io.pratique"

SERVICE = f"{_PREFIX}.service"
ENVIRONMENT = f"{_PREFIX}.environment"
RELEASE = f"{_PREFIX}.release"
COMMIT = f"{_PREFIX}.commit"
SPECIFICATION = f"{_PREFIX}.specification"
FENCE = f"{_PREFIX}.fence"
ROLE = f"{_PREFIX}.role"
STACK = f"{_PREFIX}.stack"
PORT = f"{_PREFIX}.port"
ALIAS = f"{_PREFIX}.alias"
SECRETS = f"{_PREFIX}.secrets"
"""The names of the variables that hold secrets, so that whoever looks at a container knows what it must not repeat."""

WORKLOAD_ROLE = "workload"
FRONT_ROLE = "front"


class Place(Value):
    """One service in one environment; each local stack has its own, so that two of them can share an engine."""

    service: str
    environment: str
    stack: str = ""
    """The local stack that everything here belongs to; empty outside one."""

    @property
    def name(self) -> str:
        name = f"pratique-{self.service}-{self.environment}"
        return f"{name}-{digest_of(self.stack.encode())[7:13]}" if self.stack else name

    def __str__(self) -> str:
        return f"{self.service} in {self.environment}"

    def labels(self, role: str) -> dict[str, str]:
        """What something that plays `role` here is labelled with."""
        return {SERVICE: self.service, ENVIRONMENT: self.environment, STACK: self.stack, ROLE: role}

    @property
    def marks(self) -> tuple[str, ...]:
        """The labels by which everything here is found again."""
        # An empty stack counts as well: the engine compares values, so `stack=` finds nothing of a local stack.
        return f"{SERVICE}={self.service}", f"{ENVIRONMENT}={self.environment}", f"{STACK}={self.stack}"

    def containers(self, engine: DockerClient, role: str) -> list[Container]:
        """The containers here that play `role`, whether they run or not."""
        filters: dict[str, str | list[str] | bool] = {"label": [*self.marks, f"{ROLE}={role}"]}
        with translated(f"list the containers of {self}"):
            return engine.containers.list(all=True, filters=filters, ignore_removed=True)

    def require_ours(self, thing: str, labels: Mapping[str, str] | None) -> None:
        """Refuse what has our name but not our labels: names with hyphens can meet, as `a-b` in `c` and `a` in `b-c` do."""
        found = labels or {}
        if (found.get(SERVICE), found.get(ENVIRONMENT), found.get(STACK, "")) != (self.service, self.environment, self.stack):
            owner = f"{found[SERVICE]} in {found.get(ENVIRONMENT)}" if SERVICE in found else "somebody else"
            raise Refused(f"{thing} belongs to {owner}, not to {self}: rename one of the two, or remove it there")
