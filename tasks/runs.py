"""Runs of other deployments: started with a key, followed to their end."""

from __future__ import annotations

import time

from prefect.runtime import flow_run

from pratique.bootstrap import clients
from pratique.clients.pauses import Stopped, pause
from pratique.clients.prefect import Prefect, Run
from pratique.errors import Exhausted, Refused, Waiting
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_ORCHESTRATOR
from tasks._step import step, tell

FIRST_POLL, SLOWEST_POLL = 0.1, 2.0
"""Seconds between two looks at a run that is followed."""

POLL_SHARE = 0.05
"""Of the time waited so far: so much later than its end, at the most, an end is seen."""


@step("promote to {environment}", RETRY_ORCHESTRATOR)
def promote_in_own_run(stored: StoredRelease, environment: str, requested_by: str) -> Promotion:
    """The promotion, made by a run of the environment's own deployment, which only that environment's workers take."""
    service = stored.release.service
    deployment = clients().place(environment).deployment
    parameters = {"service": service, "release": stored.digest, "environment": environment}
    parameters["requested_by"] = requested_by
    # A delivery that is run again after a failure promotes again; one that only lost sight of its runs finds them by key.
    key = f"promote:{service}:{environment}:{stored.digest}:{flow_run.id}:{flow_run.run_count}"
    tags = ["pratique", f"service:{service}", f"environment:{environment}", f"delivery:{flow_run.id}"]
    with clients().prefect() as prefect:
        run = prefect.start(deployment, parameters, key=key, tags=tags)
        tell(f"{environment}: {prefect.page(run)}")
        try:
            return _followed(prefect, run, stored, environment)
        except Stopped:
            # Who cancels a delivery means what it has begun as well.
            prefect.cancel(run.id)
            raise


def _followed(prefect: Prefect, run: Run, stored: StoredRelease, environment: str) -> Promotion:
    """The promotion once the run has granted it: as soon as the ledger says so, which Prefect learns somewhat later."""
    began = time.monotonic()
    with clients().ledger() as ledger:
        while True:
            granted = ledger.grant_of(stored.release.service, environment, stored.digest)
            if granted is not None and granted.run_url.endswith(run.id):
                return granted
            if run.is_final:
                _require_completed(environment, run, prefect.page(run))
                if granted is not None:
                    return granted
                raise Refused(
                    f"{environment}: its run completed, but the ledger has no grant; do worker and delivery share one ledger?"
                )
            pause(min(max(FIRST_POLL, POLL_SHARE * (time.monotonic() - began)), SLOWEST_POLL))
            run = prefect.run(run.id)


def _require_completed(environment: str, run: Run, page: str) -> None:
    match run.state_name:
        case "Completed":
            return
        case "Transient":
            raise Exhausted(f"{environment}: {run.message} ({page})")
        case "Crashed":
            raise Exhausted(
                f"{environment}: its run was killed; deliver again, and it goes on from there: {run.message} ({page})"
            )
        case "Waiting":
            raise Waiting(f"{environment}: {run.message} ({page})")
        case "Refused" | "Invalid":
            raise Refused(f"{environment}: {run.message}")
        case other:
            raise Refused(f"{environment}: its run ended as {other}: {run.message} ({page})")
