"""Runs of other deployments: started with a key, followed to their end."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

from prefect.runtime import flow_run

from pratique.bootstrap import clients
from pratique.clients.pauses import Stopped, pause
from pratique.clients.ports import Ledger
from pratique.clients.prefect import Prefect, Run
from pratique.errors import Exhausted, Refused, Transient, Waiting
from pratique.pipeline.attempts import DELIVERY, delivery_of, first_of, granted_since, identity
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_ORCHESTRATOR
from tasks._step import inline_step, step, tell

FIRST_POLL, SLOWEST_POLL = 0.1, 2.0
"""Seconds between two looks at a run that is followed."""

LOOK_AT_THE_RUN = 1.0
"""Seconds between two questions to Prefect about it."""

POLL_SHARE = 0.05
"""Of the time waited so far: so much later than its end, at the most, an end is seen."""


PATIENCE = 600.0
"""Seconds for which Prefect or the ledger may be silent while a run is followed; the run itself goes on without us."""


WAITED = frozenset({PromotionState.WAITING, PromotionState.SUPERSEDED})
"""How a promotion stands in the ledger whose time had not come."""


class _Killed(Exhausted):
    """The run that was followed has lost its process."""


@step("promote to {environment}", RETRY_ORCHESTRATOR)
def promote_in_own_run(stored: StoredRelease, environment: str, requested_by: str) -> Promotion:
    """The promotion, made by a run of the environment's own deployment, which only that environment's workers take.

    One that is killed is begun anew, in a run of its own, as often as `watch.again` says.
    """
    service = stored.release.service
    deployment = clients().place(environment).deployment
    parameters = {"service": service, "release": stored.digest, "environment": environment}
    parameters["requested_by"] = requested_by
    # A delivery that a person runs again promotes again; one that only lost sight of its runs, or goes on for one that
    # was killed, finds them by key.
    here = identity(flow_run.id, flow_run.run_count)
    key = f"promote:{service}:{environment}:{stored.digest}:{first_of(flow_run.tags) or here}"
    asked_by = f"asked-by:{here}"
    tags = ["pratique", f"service:{service}", f"environment:{environment}", f"{DELIVERY}{flow_run.id}", asked_by]
    killed = 0
    with clients().prefect() as prefect:
        for attempt in itertools.count(1):
            run = prefect.start(deployment, parameters, key=f"{key}:{attempt}", tags=tags)
            if run.is_final and run.state_type != "COMPLETED" and asked_by not in run.tags:
                # How it ended has been told to the one for which this delivery goes on.
                continue
            tell(f"{environment}: {prefect.page(run)}")
            try:
                return _followed(prefect, run, stored, environment)
            except Stopped:
                # Who cancels a delivery means what it has begun as well.
                prefect.cancel(run.id)
                raise
            except _Killed as death:
                killed += 1
                if killed > clients().settings.watch.again:
                    raise
                tell(f"promoting to {environment} once more: {death}")
                if (granted := _granted_meanwhile(prefect.run(run.id), stored, environment)) is not None:
                    return granted
    raise AssertionError("attempts are not counted to an end")


@inline_step(RETRY_ORCHESTRATOR)
def go_on_delivering(promotion: Promotion) -> None:
    """Let the delivery go on that ended because this release had to wait here, whoever has promoted it now; else do nothing."""
    with clients().prefect() as prefect:
        for asked_by in _deliveries_of(prefect, promotion):
            delivery = prefect.find(asked_by)
            if delivery is None:
                continue
            if not delivery.is_final:
                # It follows this promotion, or will ask for it, by itself.
                return
            if delivery.state_name != "Waiting":
                continue
            parameters = {**delivery.parameters, "ref": promotion.commit}
            key = f"on:{delivery.id}:{promotion.environment}:{promotion.id}"
            again = prefect.start("deliver/pratique", parameters, key=key, tags=delivery.tags)
            tell(f"the delivery that waited for this goes on: {prefect.page(again)}")
            return


def _deliveries_of(prefect: Prefect, promotion: Promotion) -> Iterator[str]:
    """The deliveries that have asked for this promotion, or for an earlier one of the same release there, the newest first."""
    yield from delivery_of(flow_run.tags)
    with clients().ledger() as ledger:
        tried = ledger.history(promotion.service, promotion.environment)
    for one in tried:
        if one.release == promotion.release and one.id != promotion.id and one.state in WAITED:
            run = prefect.find(one.run_url.rpartition("/")[2]) if one.run_url else None
            yield from delivery_of(run.tags if run else ())


def _followed(prefect: Prefect, run: Run, stored: StoredRelease, environment: str) -> Promotion:
    """The promotion once the run has granted it: as soon as the ledger says so, which Prefect learns somewhat later."""
    began = answered = looked = time.monotonic()
    with clients().ledger() as ledger:
        while True:
            try:
                granted = ledger.grant_of(stored.release.service, environment, stored.digest)
                if granted is not None and granted.run_url.endswith(run.id):
                    return granted
                if run.is_suspended:
                    # Whoever approves lets it go on, and it lets the delivery go on.
                    raise Waiting(f"{environment}: {_why_it_waits(ledger, run)} ({prefect.page(run)})")
                if run.is_final:
                    _require_completed(environment, run, prefect.page(run))
                    if granted is not None:
                        return granted
                    raise Refused(
                        f"{environment}: its run completed, but the ledger has no grant; "
                        "do worker and delivery share one ledger?"
                    )
                pause(min(max(FIRST_POLL, POLL_SHARE * (time.monotonic() - began)), SLOWEST_POLL))
                # The ledger is near, and says what is hoped for; Prefect says of everything else what became of it.
                if time.monotonic() - looked >= LOOK_AT_THE_RUN:
                    run = prefect.run(run.id)
                    answered = looked = time.monotonic()
            except Exhausted:
                raise
            except Transient:
                if time.monotonic() - answered > PATIENCE:
                    raise
                pause(SLOWEST_POLL)


def _why_it_waits(ledger: Ledger, run: Run) -> str:
    waiting = (one for one in ledger.waiting() if one.run_url.endswith(run.id))
    return next((one.reason for one in waiting), run.message or "its run is suspended")


def _granted_meanwhile(killed: Run, stored: StoredRelease, environment: str) -> Promotion | None:
    """The release's grant, where there is one since the run began; refused where another release has been granted since."""
    if killed.start_time is None:
        return None
    with clients().ledger() as ledger:
        granted = granted_since(ledger, stored.release.service, environment, killed.start_time)
    if granted is not None and granted.release != stored.digest:
        raise Refused(f"{environment}: while its run was gone, commit {granted.commit[:12]} was granted, and that stays")
    return granted


def _require_completed(environment: str, run: Run, page: str) -> None:
    match run.state_name:
        case "Completed":
            return
        case "Transient":
            raise Exhausted(f"{environment}: {run.message} ({page})")
        case "Crashed":
            raise _Killed(
                f"{environment}: its run was killed; deliver again, and it goes on from there: {run.message} ({page})"
            )
        case "Waiting":
            raise Waiting(f"{environment}: {run.message} ({page})")
        case "Refused" | "Invalid":
            raise Refused(f"{environment}: {run.message}")
        case other:
            raise Refused(f"{environment}: its run ended as {other}: {run.message} ({page})")
