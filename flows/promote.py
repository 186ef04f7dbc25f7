"""Promote: one release into one environment."""

from typing import Any

from prefect import flow

from flows.establish import establish
from pratique.values.environment import environment_of
from tasks._outcome import told
from tasks.approvals import admitted, confirm
from tasks.copies import copy_to
from tasks.environments import look
from tasks.grants import sign_grant
from tasks.infrastructure import foresee, plan
from tasks.parameters import EnvironmentName, OnlyForesee, ReleaseDigest, RequestedBy, ServiceName
from tasks.promotions import falling_back, grant, keep, locked, recorded
from tasks.releases import read_release
from tasks.reports import label_run, report_dry_run, report_plan, report_promotion
from tasks.runs import go_on_delivering
from tasks.workloads import require_secrets


@flow(name="promote", flow_run_name="{service} → {environment}")
@told
async def promote(
    service: ServiceName,
    release: ReleaseDigest,
    environment: EnvironmentName,
    requested_by: RequestedBy = "",
    *,
    dry_run: OnlyForesee = False,
) -> Any:
    """Move a release into an environment: verified before anything changes, and undone where a check fails."""
    stored = await read_release(service, release)
    place = environment_of(stored.release.manifest, environment)
    await label_run(stored, place)
    if dry_run:
        return await report_dry_run(stored, place, await foresee(stored, place))
    async with recorded("promote", stored, place, requested_by) as promotion:
        approved = await admitted(promotion, stored, place)
        async with locked(promotion, stored, place) as passage:
            before = await look(place)
            changes = await plan(stored, place)
            await report_plan(stored, place, changes)
            verdict = await confirm(passage, changes, approved)
            await copy_to(place, stored, before)
            if changes.is_empty and before is not None and before.stored == stored:
                return await keep(passage, before, changes, verdict)
            await require_secrets(place)
            async with falling_back(passage, to=before, by=establish):
                there = await establish(stored, place, passage.lease.fence)
                evidence = await sign_grant(passage, verdict, changes, before, there)
            granted = await grant(passage, there.address, evidence)
    await go_on_delivering(granted)
    return await report_promotion(granted)
