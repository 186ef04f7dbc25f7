"""What a person finds in the Prefect UI: tags on runs, and artifacts that say what is where and why."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any

import httpx
from prefect import get_client
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.runtime import flow_run

from pratique.bootstrap import clients
from pratique.clients.releases import read
from pratique.decisions import reports
from pratique.decisions.advance import Step
from pratique.decisions.proof_report import proof_report
from pratique.errors import Refused, Transient
from pratique.pipeline.places import upstream_first
from pratique.pipeline.planning import Foreseen
from pratique.pipeline.proving import prove_release
from pratique.scrub import scrub, scrubbed
from pratique.values.environment import Environment
from pratique.values.plan import Plan
from pratique.values.promotion import Promotion
from pratique.values.proof import Proof
from pratique.values.release import StoredRelease


async def write_markdown(text: str, *, key: str, description: str) -> None:
    """An artifact of the run, without any secret that this process knows."""
    await acreate_markdown_artifact(scrub(text), key=key, description=scrub(description))


async def write_table(rows: Any, *, key: str, description: str) -> None:
    """As `write_markdown`, a table: Prefect takes it as rows or as columns."""
    await acreate_table_artifact(scrubbed(rows), key=key, description=scrub(description))


async def label_run(stored: StoredRelease, environment: Environment | None = None) -> None:
    """Tag the present run with service, commit and environment, however it was started."""
    tags = {f"service:{stored.release.service}", f"commit:{stored.release.commit.short}"}
    if environment is not None:
        tags.add(f"environment:{environment.name}")
    await tag_run(tags)


async def tag_run(tags: AbstractSet[str]) -> None:
    """Give the present run these tags beside those that it has."""
    if flow_run.id is not None:
        async with get_client() as client:
            await client.update_flow_run(flow_run.id, tags=sorted({*flow_run.tags, *tags}))


async def report_release(stored: StoredRelease) -> StoredRelease:
    """The release, described in an artifact of the run."""
    release = stored.release
    await write_markdown(
        reports.release_report(stored, clients().settings.registry.address),
        key=artifact_key("release", release.service, release.commit.short),
        description=f"{release.service}: the release of commit {release.commit.short}",
    )
    return stored


async def report_plan(stored: StoredRelease, environment: Environment, plan: Plan) -> None:
    """The plan, as an artifact: what changes, or why nothing does."""
    await write_markdown(
        reports.plan_report(stored, environment, plan),
        key=artifact_key("plan", environment.service, environment.name),
        description=f"{environment.service}: what changes in {environment.name}",
    )


async def report_dry_run(stored: StoredRelease, environment: Environment, foreseen: Foreseen) -> Foreseen:
    """What would be decided and changed, as an artifact of a run that decides and changes nothing."""
    await write_markdown(
        reports.dry_run_report(stored, environment, foreseen.plan, foreseen.judged.decision),
        key=artifact_key("dry-run", environment.service, environment.name),
        description=f"{environment.service}: what would be decided for {environment.name}, and change there",
    )
    return foreseen


async def report_promotion(promotion: Promotion) -> Promotion:
    """The promotion; the service's environment table is brought up to date, and its release's proof is shown."""
    with clients().ledger() as ledger:
        found = [ledger.granted(*place) for place in upstream_first(ledger, promotion.service)]
    await write_table(
        reports.environment_table([held for held in found if held is not None]),
        key=artifact_key("environments", promotion.service),
        description=f"{promotion.service}: what is where",
    )
    await report_proof(promotion)
    return promotion


async def report_proof(promotion: Promotion) -> None:
    """Everything about the release that can be proved, as an artifact; what is granted stays so where that cannot be read."""
    with suppress(Refused, Transient):
        proof = await asyncio.to_thread(_proof, promotion)
        await write_markdown(
            proof_report(proof),
            key=artifact_key("proof", promotion.service, promotion.environment),
            description=f"{promotion.service}: what proves the release that {promotion.environment} holds",
        )


def _proof(promotion: Promotion) -> Proof:
    with clients().registry() as registry:
        stored = read(registry, promotion.service, promotion.release)
    return prove_release(clients(), stored)


async def report_wait(promotion: Promotion, why: str = "") -> None:
    """Why the promotion waits, as an artifact: for its time, as the ledger has it, or `why` it waits for the lock."""
    # A Prefect that does not answer must not end what waits in a queue of ours.
    with suppress(httpx.HTTPError):
        await write_markdown(
            reports.wait_report(promotion, why),
            key=artifact_key("waiting", promotion.service, promotion.environment),
            description=f"{promotion.service}: why it waits in {promotion.environment}",
        )


async def report_clock(steps: Sequence[Step], *, dry_run: bool) -> list[Step]:
    """The steps, as a table of the run: what moves, what waits and why, what is up to date."""
    await write_table(
        reports.clock_table(steps),
        key="clock-dry-run" if dry_run else "clock",
        description="what would move, and what waits and why" if dry_run else "what moved, and what waits and why",
    )
    return list(steps)


async def report_delivery(stored: StoredRelease, promotions: Sequence[Promotion]) -> list[Promotion]:
    """The promotions, summed up in an artifact with links to their runs."""
    release = stored.release
    await write_markdown(
        reports.delivery_report(stored, promotions),
        key=artifact_key("delivery", release.service, release.commit.short),
        description=f"{release.service}: where commit {release.commit.short} went",
    )
    return list(promotions)


def artifact_key(*parts: str) -> str:
    """An artifact key, for which Prefect allows lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9-]+", "-", "-".join(parts).lower())
