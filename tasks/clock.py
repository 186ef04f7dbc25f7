"""The clock: what it would do in every environment, and the runs it starts."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.runtime import flow_run

from pratique.bootstrap import clients
from pratique.decisions.advance import Step
from pratique.pipeline.abandoned import end_cancelled
from pratique.pipeline.advancing import start_step, survey
from tasks._retries import RETRY_ORCHESTRATOR, RETRY_REGISTRY
from tasks._step import step, tell


@step("look what may go on", RETRY_REGISTRY)
def look_around(service: str | None, environment: str | None) -> list[Step]:
    """One step for each environment: what moves, what waits and why, what is up to date."""
    steps = survey(clients(), service, environment)
    for one in steps:
        tell(f"{one.service} in {one.environment} {one.kind}: {one.reason}")
    return steps


@step("start what moves", RETRY_ORCHESTRATOR)
def start_moving(steps: Sequence[Step]) -> list[Step]:
    """The steps, each release that moves promoted by a run of its own; older ones that waited there are superseded."""
    for one in steps:
        for cancelled in end_cancelled(clients(), one.service, one.environment):
            tell(f"promotion {cancelled.id} is recorded as cancelled: {cancelled.reason}")
    return [start_step(clients(), one, f"clock:{flow_run.id}") for one in steps]
