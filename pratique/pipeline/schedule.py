"""Runs of a schedule that nobody started in time: the latest one does the work, the others say so.

Prefect makes one run for each slot of a schedule, and starts all that are late as soon as a worker comes back.
"""

from __future__ import annotations

from datetime import datetime

from pratique.clients.prefect import Prefect, Run

NOT_DONE = frozenset({"CANCELLED", "CANCELLING", "CRASHED", "FAILED"})
"""The state types of runs that have not done, and will not do, what an earlier one could leave to them."""


def leave_to_later(prefect: Prefect, run_id: str, now: datetime) -> Run | None:
    """The later run of the same schedule that is due as well, and does the work; None where this one is the latest.

    A run that a person started leaves its work to none. Late runs in between are cancelled and told why, so that no worker
    starts them one by one.
    """
    mine = prefect.run(run_id)
    if not mine.auto_scheduled or mine.deployment_id is None:
        return None
    due = [run for run in prefect.due(mine.deployment_id, now) if run.auto_scheduled]
    latest = next((run for run in due if run.state_type not in NOT_DONE), mine)
    for run in due:
        if run.state_type == "SCHEDULED" and run.id not in {mine.id, latest.id}:
            prefect.skip(
                run, f"missed; the run that was due at {latest.expected_start_time:%Y-%m-%d %H:%M:%S} UTC does its work"
            )
    return latest if latest.expected_start_time > mine.expected_start_time else None
