"""Admission: every gate, and the people whom some of them ask; a run that waits for people is suspended, and holds nothing."""

from __future__ import annotations

import uuid

from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput
from prefect.runtime import deployment

from pratique.bootstrap import clients
from pratique.decisions import reports
from pratique.errors import Refused, Waiting
from pratique.pipeline.content import require_content
from pratique.pipeline.planning import plan_changes
from pratique.pipeline.verification import asks_for_approval, judge
from pratique.values.answer import Answer
from pratique.values.asked import Asked
from pratique.values.digest import Digest
from pratique.values.environment import Environment
from pratique.values.judged import Judged
from pratique.values.passage import Passage
from pratique.values.plan import Plan
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_INFRASTRUCTURE, RETRY_REGISTRY
from tasks._step import step, tell
from tasks.promotions import let_wait
from tasks.reports import report_wait
from tasks.rulings import given_answers, record_click


class AnswerForm(RunInput, Answer):
    """The answer, as Prefect shows a form for it."""


async def admitted(promotion: Promotion, stored: StoredRelease, environment: Environment) -> Digest | None:
    """The digest of the plan that people approved of, once every gate lets the release in; None where nobody is asked.

    Until they have, the run is suspended: no process, no lock. Resumed, it decides anew on what has been signed since.
    """
    if promotion.asked is not None:
        await _record_clicks(promotion, stored, environment, promotion.asked)
    judged, asked = await decide(stored, environment)
    if judged.awaits_approval and asked is not None:
        if promotion.asked is not None and promotion.asked.plan != asked.plan:
            raise Refused(
                f"the plan has changed since people were asked to approve of it: they were shown "
                f"{promotion.asked.plan.digest}, now it is {asked.plan.digest} (promote again, and have that one approved)"
            )
        await _suspend(promotion, judged, asked)
    judged.decision.require()
    return None if asked is None else asked.plan.digest


@step("decide for {environment.name}", RETRY_INFRASTRUCTURE)
def decide(stored: StoredRelease, environment: Environment) -> tuple[Judged, Asked | None]:
    """What every gate says, where none refuses; and what people are asked to approve of, where one asks them.

    Refused at once is a release of which something is gone from the registry: nobody need be asked about it.
    """
    with clients().registry() as registry:
        require_content(registry, stored)
    plan = plan_changes(clients(), stored, environment) if asks_for_approval(clients(), environment) else None
    judged = judge(clients(), stored, environment, plan=plan)
    _tell(judged, stored, environment)
    return judged, None if plan is None else Asked(plan=plan, policy=judged.policy)


@step("decide for {passage.environment.name} under the lock", RETRY_REGISTRY)
def confirm(passage: Passage, plan: Plan, approved: Digest | None) -> Judged:
    """What every gate says now that nobody else can change anything; refused where it is not the approved plan any more."""
    if approved is not None and plan.digest != approved:
        raise Refused(
            f"the plan has changed since it was approved: {approved} was, and now it would be {plan.digest} "
            "(promote again, and have that one approved)"
        )
    judged = judge(clients(), passage.stored, passage.environment, plan=plan)
    judged.decision.require()
    return judged


@step("decide for {environment.name}", RETRY_REGISTRY)
def decide_rollback(stored: StoredRelease, environment: Environment) -> Judged:
    """As `decide`, by what is asked of a release that has been there before."""
    with clients().registry() as registry:
        require_content(registry, stored)
    judged = judge(clients(), stored, environment, purpose="rollback")
    judged.decision.require()
    _tell(judged, stored, environment)
    return judged


async def _suspend(promotion: Promotion, judged: Judged, asked: Asked) -> None:
    """Leave the run, to begin anew when it is resumed; outside a deployment, where that cannot be, it ends as waiting."""
    reason = "; ".join(wait.reason for wait in judged.decision.waits)
    if deployment.id is None:
        raise Waiting(reason)
    waiting = await let_wait(promotion, reason, None, asked)
    await report_wait(waiting)
    if waiting.state is PromotionState.SUPERSEDED:
        raise Refused(waiting.reason)
    form = AnswerForm.with_initial_data(description=reports.approval_report(waiting))
    # A name of its own each time: Prefect remembers the names of questions, and not always that they were asked.
    await asuspend_flow_run(wait_for_input=form, key=f"approval-{uuid.uuid4().hex[:8]}", timeout=None)


async def _record_clicks(promotion: Promotion, stored: StoredRelease, environment: Environment, asked: Asked) -> None:
    takes_clicks = any(
        one.approvals is not None and one.approvals.clicks
        for one in (environment.gates, clients().place(environment.name).gates)
    )
    for given in await given_answers():
        if given.answer.decision == "look again":
            continue
        if takes_clicks:
            await record_click(stored, promotion, environment, asked, given)
        else:
            tell(
                f"{given.answer.name} clicked {given.answer.decision}, which counts for nothing in {environment.name}: "
                "sign it (`pratique approve`, `pratique reject`), or let its gates take clicks"
            )


def _tell(judged: Judged, stored: StoredRelease, environment: Environment) -> None:
    for one in judged.excepted:
        tell(f"passed over by an exception of {', '.join(one.by)}: {one.why}")
    if judged.awaits_approval and not judged.decision.reasons:
        return
    judged.decision.require()
    tell(f"every gate of {environment.name} lets {stored.label} in")
