"""A promotion that waits for people, resumed once enough of them have spoken."""

from __future__ import annotations

import time

from pratique.bootstrap import Clients
from pratique.clients.prefect import Prefect
from pratique.errors import Refused, Transient
from pratique.pipeline.verification import judge
from pratique.values.answer import Answer
from pratique.values.environment import environment_of
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease

PATIENCE = 60.0
"""Seconds for which a run is given time to come to its suspension, when somebody answers before it has."""

POLL = 0.5

_ANSWER = Answer(decision="look again", name="pratique", reason="somebody has signed an answer")


def resume_waiting(clients: Clients, waiting: Promotion, stored: StoredRelease) -> str:
    """What becomes of the promotion now, for whoever has just signed; where nothing more is missing, its run goes on.

    Of several who sign at the same moment one resumes it, and the others are told that it goes on already.
    """
    environment = environment_of(stored.release.manifest, waiting.environment)
    assert waiting.asked is not None  # noqa: S101  # whoever signs answers what was asked
    judged = judge(clients, stored, environment, plan=waiting.asked.plan)
    # Where this machine knows another policy than the workers do, the run itself says what is missing.
    if judged.policy == waiting.asked.policy and judged.awaits_approval and not judged.decision.reasons:
        return "; ".join(wait.reason for wait in judged.decision.waits)
    with clients.prefect() as prefect:
        return _resume(prefect, waiting.run_url.rpartition("/")[2], waiting.run_url)


def _resume(prefect: Prefect, run_id: str, page: str) -> str:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            run = prefect.run(run_id)
            if run.is_suspended and prefect.resume(run_id, _ANSWER):
                return f"its run goes on: {page}"
            if run.is_final or run.state_name == "Resuming":
                return f"its run is {run.state_name} already: {page}"
        except Refused as gone:
            return f"its run is gone, and the clock goes on with it: {gone}"
        except Transient as fault:
            if time.monotonic() > end:
                return f"Prefect does not answer, and the clock goes on with it: {fault}"
        if time.monotonic() > end:
            return f"its run decides by itself: {page}"
        time.sleep(POLL)
