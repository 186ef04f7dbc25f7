"""Attempts: a run that was killed and the run that goes on for it, told by tags.

first:<run>:<count>   the run that was asked for, on all that go on for it
attempt:<number>      2 for the first that goes on
delivery:<run>        the delivery that asked for a promotion, on the promotion's run
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pratique.clients.ports import Ledger
from pratique.clients.prefect import Run
from pratique.values.promotion import Promotion

_FIRST, _ATTEMPT = "first:", "attempt:"

DELIVERY = "delivery:"
"""Begins the tag that names the delivery which asked for a promotion, on the promotion's run."""


def delivery_of(tags: Iterable[str]) -> tuple[str, ...]:
    """The run of the delivery that asked for the promotion with these tags; empty for one that nobody delivers."""
    return tuple(tag.removeprefix(DELIVERY) for tag in tags if tag.startswith(DELIVERY))


def attempt_of(tags: Iterable[str]) -> int:
    """Which attempt a run is: 1 for one that goes on for no other."""
    return next((int(tag.removeprefix(_ATTEMPT)) for tag in tags if tag.startswith(_ATTEMPT)), 1)


def first_of(tags: Iterable[str]) -> str | None:
    """For which run it goes on, in the end; None for one that goes on for no other."""
    return next((tag.removeprefix(_FIRST) for tag in tags if tag.startswith(_FIRST)), None)


def next_attempt(run: Run) -> list[str]:
    """The tags of the run that goes on for this one."""
    kept = [tag for tag in run.tags if not tag.startswith((_FIRST, _ATTEMPT))]
    return [*kept, f"{_FIRST}{first_of(run.tags) or identity(run.id, run.run_count)}", f"{_ATTEMPT}{attempt_of(run.tags) + 1}"]


def identity(run_id: str, run_count: int) -> str:
    """One life of a run: a person who retries it in Prefect begins another one.

    Prefect counts a run when it begins to run, and one that was killed before that is its first life as well.
    """
    return f"{run_id}:{max(run_count, 1)}"


def granted_since(ledger: Ledger, service: str, environment: str, since: datetime) -> Promotion | None:
    """What has been granted in the environment since then, the newest; None where nothing was."""
    newest = ledger.granted(service, environment)
    if newest is None or newest.finished_at is None or newest.finished_at < since:
        return None
    return newest
