"""Advance: whatever may go on by the clock goes on."""

from typing import Any

from prefect import flow

from tasks._outcome import told
from tasks.clock import look_around, start_moving
from tasks.parameters import DryRun, OneEnvironment, OneService
from tasks.reports import report_clock
from tasks.schedule import later_run, left_to


@flow(name="advance", flow_run_name="advance")
@told
async def advance(service: OneService = None, environment: OneEnvironment = None, *, dry_run: DryRun = True) -> Any:
    """Promote into each environment the newest release whose time has come; say of every other why it waits."""
    if (later := await later_run()) is not None:
        return await left_to(later)
    steps = await look_around(service, environment)
    if not dry_run:
        steps = await start_moving(steps)
    return await report_clock(steps, dry_run=dry_run)
