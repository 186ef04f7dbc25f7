"""Checks: what is measured after something changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from pratique.values._base import Value
from pratique.values.duration import Duration
from pratique.values.names import Name


class HttpProbe(Value):
    """One HTTP GET against the service's address."""

    path: Annotated[str, StringConstraints(pattern=r"^/[^\s\x00-\x1f]*$", max_length=2048)]
    status: int = Field(default=200, ge=100, le=599)
    contains: str | None = Field(default=None, max_length=1024)
    """Text that the body must hold; `${commit}` is the release's commit."""


class TcpProbe(Value):
    """One TCP connection to the service's address."""


class CommandProbe(Value):
    """One command inside the running container, without a shell; exit status 0 passes."""

    run: tuple[str, ...] = Field(min_length=1)


class Check(Value):
    """One measurement, repeated until it passes or its own deadline is over."""

    name: Name
    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    command: CommandProbe | None = None
    deadline: Duration = timedelta(seconds=30)
    interval: Duration = timedelta(milliseconds=500)
    timeout: Duration = timedelta(seconds=5)
    """How long one attempt may take."""

    @model_validator(mode="after")
    def _exactly_one_probe(self) -> Check:
        if sum(probe is not None for probe in (self.http, self.tcp, self.command)) != 1:
            raise ValueError(f"check {self.name!r}: give exactly one of http, tcp, command")
        return self


class CheckResult(Value):
    """What one check found."""

    name: Name
    passed: bool
    detail: str
    """What was seen, in one line a person can act on."""
    attempts: int = Field(ge=0)
    seconds: float = Field(ge=0)
