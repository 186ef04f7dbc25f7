"""Deliver: a commit becomes a release, and the release moves through its environments."""

from prefect import flow

from flows.prepare import prepare
from pratique.values.promotion import Promotion
from tasks._outcome import told
from tasks.environments import order_environments
from tasks.generations import promote_generation
from tasks.parameters import LastEnvironment, Ref, Repository, RequestedBy
from tasks.reports import label_run, report_delivery


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
        promotions += await promote_generation(stored, generation, requested_by)
    return await report_delivery(stored, promotions)
