"""The schedule of the present run: slots that were missed."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from pratique.bootstrap import clients
from pratique.clients.prefect import Run
from pratique.pipeline.schedule import leave_to_later
from tasks._retries import RETRY_ORCHESTRATOR
from tasks._step import inline_step


@inline_step(RETRY_ORCHESTRATOR)
def later_run() -> Run | None:
    """The run to leave the work to, where this one was missed and a later one is due as well."""
    with clients().prefect() as prefect:
        return leave_to_later(prefect, str(flow_run.id), datetime.now(UTC))


async def left_to(later: Run) -> State[None]:
    """The ending of a run that leaves its work to a later one."""
    return Completed(message=f"nothing to do, because a later run of the schedule is due and does it: {later.name}")
