"""Rulings that the pipeline makes itself: holds, and what people click."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect.runtime import flow_run

from pratique.bootstrap import clients
from pratique.pipeline.ruling import sign_by_pipeline
from pratique.scrub import scrub
from pratique.values.answer import GivenAnswer
from pratique.values.asked import Asked
from pratique.values.environment import Environment
from pratique.values.passage import Passage
from pratique.values.promotion import Promotion, Standing
from pratique.values.release import StoredRelease
from pratique.values.ruling import Approve, Hold, Reject
from tasks._retries import RETRY_ORCHESTRATOR, RETRY_SIGNING
from tasks._step import inline_step, step, tell


@step("hold {passage.environment.name}", RETRY_SIGNING)
def hold(passage: Passage, after: StoredRelease, reason: str) -> None:
    """Let nothing come into the environment by itself, until a person lifts that; the release is not let in there again."""
    ruling = Hold(
        service=after.release.service,
        release=after.digest,
        commit=after.release.commit.id,
        environment=passage.environment.name,
        promotion=passage.promotion.id,
        made_at=datetime.now(UTC),
        reason=scrub(reason)[:1000],
    )
    with clients().ledger() as ledger:
        known = ledger.rulings(passage.environment.service, passage.environment.name)
    if not any(isinstance(one.ruling, Hold) and one.ruling.promotion == passage.promotion.id for one in known):
        sign_by_pipeline(clients(), after, ruling)
    place = f"{passage.environment.service} --in {passage.environment.name}"
    tell(f"{passage.environment.name} is held after {after.label}: `pratique lift {place}` lets it go on")


async def hold_after(passage: Passage, before: Standing | None, reason: str) -> None:
    """As `hold`, after what the environment held before it went back; nothing where that is the same release, or none.

    Nor where the operator does not let a rollback hold the environment.
    """
    is_held = clients().place(passage.environment.name).is_held_after("rollback")
    if is_held and before is not None and before.stored != passage.stored:
        await hold(passage, before.stored, reason)


@inline_step(RETRY_ORCHESTRATOR)
def given_answers() -> list[GivenAnswer]:
    """Every answer to a form of this run, the first one first."""
    if flow_run.id is None:
        return []
    with clients().prefect() as prefect:
        return list(prefect.given_answers(flow_run.id))


@step("record the click of {given.answer.name}", RETRY_SIGNING)
def record_click(
    stored: StoredRelease, promotion: Promotion, environment: Environment, asked: Asked, given: GivenAnswer
) -> None:
    """Sign that somebody clicked, as the pipeline, which does not know who; the same click is signed once."""
    kind = Approve if given.answer.decision == "approve" else Reject
    ruling = kind(
        service=promotion.service,
        release=stored.digest,
        commit=promotion.commit,
        environment=environment.name,
        plan=asked.plan.digest,
        policy=asked.policy,
        made_at=given.given_at,
        reason=scrub(given.answer.reason),
        clicked_by=given.answer.name,
    )
    sign_by_pipeline(clients(), stored, ruling)
    tell(f"somebody who calls themselves {given.answer.name} clicked {given.answer.decision}: {given.answer.reason}")
