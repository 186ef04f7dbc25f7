"""Reverify: what runs is looked at again, by today's policies and keys; what does not hold any more is revoked."""

import asyncio
from typing import Any

from prefect import flow

from tasks._outcome import told
from tasks.parameters import DryRun, OneEnvironment, OneService
from tasks.reverifying import held_places, report_reverification, reverify_place
from tasks.schedule import later_run, left_to


@flow(name="reverify", flow_run_name="reverify")
@told
async def reverify(service: OneService = None, environment: OneEnvironment = None, *, dry_run: DryRun = True) -> Any:
    """Verify again what every environment holds; revoke each release that would not be let in today, and say why."""
    if (later := await later_run()) is not None:
        return await left_to(later)
    places = await held_places(service, environment)
    found = await asyncio.gather(*(reverify_place(held, dry_run=dry_run) for held in places))
    return await report_reverification(found, dry_run=dry_run)
