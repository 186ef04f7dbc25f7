"""The flow run of an event, and whichever run goes on for it after it was killed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pratique.bootstrap import Clients
from pratique.clients.prefect import Prefect, Run
from pratique.decisions.telling import Ran
from pratique.pipeline.attempts import attempt_of, identity
from pratique.values.event import InboxEvent

SUCCESSION = timedelta(minutes=10)
"""For so long after a run was killed another one may still go on for it (`pratique watch`)."""


def run_of(clients: Clients, held: InboxEvent) -> Ran | None:
    """The run as it is now, or the newest that goes on for it; None where Prefect does not know it any more."""
    with clients.prefect() as prefect:
        run = prefect.find(held.run)
        if run is None:
            return None
        newest = _successor(prefect, run) if run.state_type == "CRASHED" else run
        is_final = newest.is_final and not (newest.state_type == "CRASHED" and datetime.now(UTC) - newest.since < SUCCESSION)
        return Ran(
            id=newest.id,
            url=prefect.page(newest),
            type=newest.state_type or "",
            name=newest.state_name or "",
            message=newest.message,
            is_final=is_final,
        )


def _successor(prefect: Prefect, run: Run) -> Run:
    others = prefect.runs_tagged(f"first:{identity(run.id, run.run_count)}")
    return max([run, *others], key=lambda one: attempt_of(one.tags))
