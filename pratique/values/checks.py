"""Checks: what is measured after something changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from pratique.values._base import Value
from pratique.values.duration import Span
from pratique.values.names import Name
from pratique.values.placeholders import fill


class HttpProbe(Value):
    """One HTTP GET against the service's address."""

    path: Annotated[str, StringConstraints(pattern=r"^/[^\s\x00-\x1f]*$", max_length=2048)]
    """Path and query, starting with a slash; `${environment}` is replaced by the environment's name."""
    status: int = Field(default=200, ge=100, le=599)
    """The status that passes; redirects are not followed."""
    contains: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    """Text that the body must hold; `${commit}` is the release's commit, `${environment}` the environment's name."""


class TcpProbe(Value):
    """One TCP connection to the service's address."""


class CommandProbe(Value):
    """One command inside the running container, without a shell; exit status 0 passes."""

    run: tuple[Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=4096)], ...] = Field(min_length=1)


class Check(Value):
    """One measurement, repeated until it passes or its own deadline is over."""

    name: Name
    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    command: CommandProbe | None = None
    deadline: Span = timedelta(seconds=30)
    """How long it may take to pass, all attempts together."""
    interval: Span = timedelta(milliseconds=500)
    """How long to wait between two attempts."""
    timeout: Span = timedelta(seconds=5)
    """How long one attempt may take."""

    @model_validator(mode="after")
    def _exactly_one_probe(self) -> Check:
        probes = sum(probe is not None for probe in (self.http, self.tcp, self.command))
        if probes != 1:
            raise ValueError(f"check {self.name!r} has {probes} probes: give exactly one of http, tcp, command")
        return self

    def in_environment(self, name: str) -> Check:
        """The check with `${environment}` replaced by the environment's name."""
        if self.http is None:
            return self
        filled = {
            "path": fill(self.http.path, {"environment": name}),
            "contains": self.http.contains and fill(self.http.contains, {"environment": name}),
        }
        return self.model_copy(update={"http": self.http.model_copy(update=filled)})


class CheckResult(Value):
    """What one check found."""

    name: Name
    passed: bool
    detail: str
    """What was seen, in one line a person can act on."""
    attempts: int = Field(ge=0)
    seconds: float = Field(ge=0)
