"""How often each kind of step is asked again. Only `Transient` is; the bounds are attempts *and* total time.

An environment may tighten or widen the bounds in its `retries` section; the delays stay the step's own.
This is the one retry layer: clients do not retry.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pratique.errors import Exhausted, Transient
from pratique.values.manifest import Retries

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

MOST_ATTEMPTS = 20
"""The most that a manifest may ask for (`Retries.attempts`); Prefect wants the number when a task is defined."""

LONGEST_DELAY = 30.0
"""Seconds."""

_asked_for: ContextVar[Retries | None] = ContextVar("retries", default=None)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with jitter, bounded twice."""

    first_delay: float
    """Seconds before the second attempt; doubled for each further one, up to `LONGEST_DELAY`."""
    attempts: int
    within: timedelta
    """No attempt starts later than this after the first one."""

    def delays(self) -> list[float]:
        """Seconds before each retry."""
        return [min(self.first_delay * 2**retry, LONGEST_DELAY) for retry in range(MOST_ATTEMPTS - 1)]

    def allows(self, attempts: int, elapsed: timedelta) -> bool:
        """Whether another attempt may follow `attempts` made within `elapsed`."""
        asked = _asked_for.get()
        most, within = (asked.attempts, asked.within) if asked else (self.attempts, self.within)
        return attempts < most and elapsed < within

    async def condition(self, _task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
        """Prefect's `retry_condition_fn`."""
        failure = await state.aresult(raise_on_failure=False)
        began = run.start_time or datetime.now(UTC)
        if isinstance(failure, Exhausted) or not isinstance(failure, Transient):
            return False
        return self.allows(run.run_count, datetime.now(UTC) - began)


@contextmanager
def patience(retries: Retries) -> Iterator[None]:
    """Within it, the bounds are those an environment asked for."""
    token = _asked_for.set(retries)
    try:
        yield
    finally:
        _asked_for.reset(token)


RETRY_SOURCE = RetryPolicy(first_delay=1, attempts=5, within=timedelta(minutes=2))
RETRY_BUILD = RetryPolicy(first_delay=2, attempts=3, within=timedelta(minutes=30))
RETRY_REGISTRY = RetryPolicy(first_delay=0.5, attempts=6, within=timedelta(minutes=2))
RETRY_SIGNING = RetryPolicy(first_delay=0.5, attempts=6, within=timedelta(minutes=2))
RETRY_SCANNING = RetryPolicy(first_delay=2, attempts=4, within=timedelta(minutes=15))
RETRY_COPY = RetryPolicy(first_delay=0.5, attempts=6, within=timedelta(minutes=30))
# As long as a build: a copy that breaks goes on with what is missing.
RETRY_INFRASTRUCTURE = RetryPolicy(first_delay=2, attempts=5, within=timedelta(minutes=30))
RETRY_WORKLOAD = RetryPolicy(first_delay=1, attempts=5, within=timedelta(minutes=5))
RETRY_LEDGER = RetryPolicy(first_delay=0.2, attempts=8, within=timedelta(minutes=1))
RETRY_ORCHESTRATOR = RetryPolicy(first_delay=0.1, attempts=12, within=timedelta(minutes=5))
# Soon at first: Prefect on SQLite answers 503 to one of two writes at the same moment.
