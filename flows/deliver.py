"""Deliver: a commit becomes a release, and the release moves through its environments."""

import asyncio

from prefect import flow

from flows.prepare import prepare
from pratique.values.promotion import Promotion
from tasks._outcome import told
from tasks.environments import order_environments
from tasks.parameters import LastEnvironment, Ref, Repository, RequestedBy
from tasks.reports import label_run, report_delivery
from tasks.runs import promote_in_own_run


@flow(name="deliver", flow_run_name="{repository} @ {ref}")
@told
async def deliver(
    repository: Repository, ref: Ref = "main", through: LastEnvironment = None, requested_by: RequestedBy = ""
) -> list[Promotion]:
    """Bring a commit to every environment of its pratique.yaml, upstream first; what is done is found and left alone."""
    stored = await prepare(repository, ref)
    await label_run(stored)
    promotions: list[Promotion] = []
    for generation in await order_environments(stored, through):
        promotions += await asyncio.gather(*(promote_in_own_run(stored, name, requested_by) for name in generation))
    return await report_delivery(stored, promotions)
