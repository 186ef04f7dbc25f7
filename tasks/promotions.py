"""Promotions: recorded, held under the environment's lock, ended in the ledger whatever happens."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from prefect.exceptions import Pause
from prefect.runtime import flow_run

from pratique.bootstrap import clients
from pratique.decisions.granting import Earned
from pratique.errors import Exhausted, FenceLost, Refused, Transient, Waiting
from pratique.pipeline.abandoned import end_abandoned
from pratique.pipeline.grants import sign_grant
from pratique.pipeline.lock import Keeper, take_lock
from pratique.pipeline.threads import in_thread
from pratique.scrub import scrub
from pratique.values.asked import Asked
from pratique.values.environment import Environment, environment_of
from pratique.values.grant import GrantEvidence
from pratique.values.judged import Judged
from pratique.values.passage import Established, Passage
from pratique.values.plan import Plan
from pratique.values.promotion import Promotion, PromotionState, Standing
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_LEDGER, patience
from tasks._step import inline_step, step, tell
from tasks.reports import report_wait
from tasks.rulings import hold
from tasks.workloads import withdraw

Kind = Literal["promote", "rollback"]

Establish = Callable[[StoredRelease, Environment, int], Awaitable[Established]]
"""Brings a release into an environment under a fence."""


@inline_step(RETRY_LEDGER)
def begin(kind: Kind, stored: StoredRelease, environment: Environment, requested_by: str, why: str) -> Promotion:
    """The promotion, on record before anything is touched."""
    promotion = Promotion(
        id=_name_of_this_run(),
        kind=kind,
        service=stored.release.service,
        environment=environment.name,
        release=stored.digest,
        commit=stored.release.commit.id,
        requested_by=requested_by,
        state=PromotionState.RUNNING,
        reason=why,
        started_at=datetime.now(UTC),
        run_url=flow_run.ui_url or "",
    )
    with clients().ledger() as ledger:
        ledger.record_release(stored)
        ledger.begin(promotion)
        promotion = ledger.go_on(promotion.id)
    for abandoned in end_abandoned(clients(), promotion.service, promotion.environment):
        tell(f"promotion {abandoned.id} is recorded as abandoned: {abandoned.reason}")
    return promotion


def _name_of_this_run() -> str:
    """The same for a run that was suspended and is resumed; another one for each time that a person retries it."""
    if flow_run.id is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(uuid.UUID(flow_run.id), str(flow_run.run_count or 1)))


@step("grant {passage.environment.name}", RETRY_LEDGER)
def grant(passage: Passage, address: str, evidence: GrantEvidence, reason: str = "") -> Promotion:
    """The promotion as granted: from now on the environment holds its release."""
    with clients().ledger() as ledger:
        granted = ledger.grant(passage.promotion.id, passage.lease, address, reason, evidence)
    tell(f"{passage.environment.name} holds {passage.stored.label}" + (f" at {address}" if address else ""))
    return granted


@step("keep {passage.environment.name}", RETRY_LEDGER)
def keep(passage: Passage, before: Standing, changes: Plan, judged: Judged) -> Promotion:
    """The promotion as granted without a change, because the environment holds the release already, by the same evidence."""
    held, reason = before.promotion, f"nothing to do, because {changes.reason}"
    if held.evidence is None:
        # Granted before grants were signed: the environments that come after ask for a signed one.
        earned = Earned(plan=changes, judged=judged, before=before, address=held.address, reason=reason)
        evidence = sign_grant(clients(), passage, earned)
    else:
        now = datetime.now(UTC)
        evidence = GrantEvidence(bundle=held.evidence, at=max(now, held.finished_at or now))
    with clients().ledger() as ledger:
        return ledger.grant(passage.promotion.id, passage.lease, held.address, reason, evidence)


@inline_step(RETRY_LEDGER)
def end(promotion: Promotion, state: PromotionState, reason: str) -> Promotion:
    """The promotion as it ended."""
    return _ended(promotion, state, reason)


@inline_step(RETRY_LEDGER)
def require_lock(passage: Passage) -> None:
    """Return where the environment is still locked; `FenceLost` where somebody else has taken it over."""
    with clients().ledger() as ledger:
        ledger.renew(passage.lease, clients().settings.ledger.lease)


@inline_step(RETRY_LEDGER)
def let_wait(promotion: Promotion, reason: str, until: datetime | None, asked: Asked | None = None) -> Promotion:
    """The promotion, on record as one whose time has not come; or as superseded, where a newer release waits already.

    `asked` is what people have to approve of before it has.
    """
    with clients().ledger() as ledger:
        present = ledger.promotion(promotion.id)
        if present.state is not PromotionState.RUNNING:
            return present
        return ledger.wait(promotion.id, reason, until, asked)


@asynccontextmanager
async def recorded(
    kind: Kind, stored: StoredRelease, environment: Environment, requested_by: str, why: str = ""
) -> AsyncIterator[Promotion]:
    """Within it a promotion is on record; left by a failure or a cancellation, that is recorded too."""
    promotion = await begin(kind, stored, environment, requested_by, why)
    try:
        with patience(environment.retries):
            yield promotion
    except Pause:
        # Suspended: it has not ended, and goes on from its beginning.
        raise
    except Waiting as word:
        if kind == "rollback":
            await end(promotion, PromotionState.FAILED, str(word))
            raise
        waiting = await let_wait(promotion, str(word), word.until)
        await report_wait(waiting)
        if waiting.state is PromotionState.SUPERSEDED:
            raise Refused(waiting.reason) from word
        raise
    except Exception as failure:
        # Whoever took the lock over has recorded this one as abandoned, and that stays. But a target refuses a fence as well
        # where the ledger was begun anew, and then nobody else will end it.
        await end(promotion, PromotionState.FAILED, _told(str(failure) or repr(failure), failure))
        raise
    except BaseException as stop:
        # No task any more: Prefect ends this run, and gives it half a minute.
        await in_thread(partial(_ended, promotion, PromotionState.CANCELLED, _told("its run was cancelled", stop)))
        raise


@asynccontextmanager
async def locked(promotion: Promotion, stored: StoredRelease, environment: Environment) -> AsyncIterator[Passage]:
    """Within it the promotion holds its environment's lock; a lock lost to another holder ends what stands in it."""

    async def told(line: str) -> None:
        tell(line)
        await report_wait(promotion, line)

    lease = await take_lock(clients(), promotion, told, environment.queue)
    async with Keeper(clients(), lease):
        tell(f"{promotion.service} in {promotion.environment} is locked, fence {lease.fence}")
        yield Passage(promotion=promotion, stored=stored, environment=environment, lease=lease)


@asynccontextmanager
async def falling_back(passage: Passage, to: Standing | None, by: Establish) -> AsyncIterator[None]:
    """Within it a failure brings the environment back to the release `to`, and holds it.

    Where it held none, the workload is withdrawn.
    So does a cancellation. One that is killed before it has gone back leaves that to the next promotion, as any that is killed.
    """
    try:
        yield
    except FenceLost:
        raise
    except Refused as failure:
        tell(f"refused: {failure}")
        raise Refused(*failure.reasons, await _back(passage, to, by, str(failure))) from failure
    except Transient as failure:
        tell(f"failed, after asking again: {failure}")
        raise Exhausted(f"{failure}; {await _back(passage, to, by, str(failure))}") from failure
    except BaseException as stop:
        stop.add_note(await _back(passage, to, by))
        raise


async def _back(passage: Passage, to: Standing | None, by: Establish, why: str = "") -> str:
    name = passage.environment.name
    try:
        await require_lock(passage)
        if to is None:
            await withdraw(passage.environment)
            return f"{name} held no release before, so the workload was withdrawn"
        await by(to.stored, environment_of(to.stored.release.manifest, name), passage.lease.fence)
    except FenceLost:
        raise
    except (Refused, Transient) as failure:
        return f"going back failed as well, so {name} needs a person: {failure}"
    if not why or to.stored == passage.stored:
        return f"{name} was rolled back to {to.stored.label}"
    return f"{name} was rolled back to {to.stored.label}{await _held(passage, why)}"


async def _held(passage: Passage, why: str) -> str:
    if not clients().place(passage.environment.name).is_held_after("failure"):
        return ""
    try:
        await hold(passage, passage.stored, why)
    except (Refused, Transient) as failure:
        return f", but could not be held after that, so that the next release may come: {failure}"
    return f" and is held: see `pratique lift {passage.environment.service} --in {passage.environment.name}`"


def _ended(promotion: Promotion, state: PromotionState, reason: str) -> Promotion:
    with clients().ledger() as ledger:
        present = ledger.promotion(promotion.id)
        if present.state is not PromotionState.RUNNING:
            # A later one has gone past it and recorded it as abandoned, which it stays.
            return present
        return ledger.finish(promotion.id, state, reason=reason)


def _told(what: str, failure: BaseException) -> str:
    """What happened, and what was noted about it on the way."""
    return scrub("; ".join([what, *getattr(failure, "__notes__", ())]))
