"""Rollback: an environment goes back to a release that it granted before."""

from typing import Any

from prefect import flow

from flows.establish import establish
from pratique.values.environment import environment_of
from tasks._outcome import told
from tasks.approvals import decide_rollback
from tasks.copies import copy_to
from tasks.environments import choose_earlier, look
from tasks.grants import sign_grant
from tasks.infrastructure import foresee_rollback, plan
from tasks.parameters import EarlierRelease, EnvironmentName, OnlyForesee, Reason, RequestedBy, ServiceName
from tasks.promotions import falling_back, grant, locked, recorded
from tasks.releases import read_release
from tasks.reports import label_run, report_dry_run, report_plan, report_promotion
from tasks.rulings import hold_after
from tasks.workloads import require_secrets


@flow(name="rollback", flow_run_name="{service} ← {environment}")
@told
async def rollback(
    service: ServiceName,
    environment: EnvironmentName,
    reason: Reason,
    release: EarlierRelease = None,
    requested_by: RequestedBy = "",
    *,
    dry_run: OnlyForesee = False,
) -> Any:
    """Bring an environment back to a release that was granted there before; its evidence is verified anew."""
    stored = await read_release(service, await choose_earlier(service, environment, release))
    place = environment_of(stored.release.manifest, environment)
    await label_run(stored, place)
    if dry_run:
        return await report_dry_run(stored, place, await foresee_rollback(stored, place))
    async with recorded("rollback", stored, place, requested_by, reason) as promotion:
        verdict = await decide_rollback(stored, place)
        async with locked(promotion, stored, place) as passage:
            before = await look(place)
            changes = await plan(stored, place)
            await report_plan(stored, place, changes)
            await copy_to(place, stored, before)
            await require_secrets(place)
            async with falling_back(passage, to=before, by=establish):
                there = await establish(stored, place, passage.lease.fence)
                evidence = await sign_grant(passage, verdict, changes, before, there, reason=reason)
            await hold_after(passage, before, reason)
            return await report_promotion(await grant(passage, there.address, evidence, reason))
