"""What every task has in common, said once.

* Its body is an ordinary function and runs in a thread, so that the flow's own loop keeps its heartbeats and its lease.
* A cancelled task ends when its thread does ([threads](../pratique/pipeline/threads.py)).
* What leaves it holds no secret: failures are scrubbed, results are not persisted.
* Its state is not remembered by Prefect: each body looks first and does nothing where all is done, which a cache cannot know.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from pratique.errors import Refused, Transient, Waiting
from pratique.pipeline.threads import in_thread
from pratique.scrub import scrub
from tasks._retries import RetryPolicy

P = ParamSpec("P")
R = TypeVar("R")


class Scrubbed(Exception):
    """A failure that was no word of ours, its text without secrets; names the type it had."""


def step(name: str, retries: RetryPolicy) -> Callable[[Callable[P, R]], Callable[P, Awaitable[R]]]:
    """Make a task called `name` (a format of its parameters, such as `build {section.name}`) of an ordinary function."""

    def decorate(body: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(body)
        async def run(*arguments: P.args, **named: P.kwargs) -> R:
            guarded = functools.partial(_without_secrets, functools.partial(body, *arguments, **named))
            return await in_thread(guarded)

        made = task(
            name=body.__name__.replace("_", "-"),
            task_run_name=name,
            retries=len(retries.delays()),
            retry_delay_seconds=retries.delays(),
            retry_jitter_factor=0.3,
            retry_condition_fn=retries.condition,
            persist_result=False,
            cache_policy=NO_CACHE,
        )(run)
        return cast("Callable[P, Awaitable[R]]", made)

    return decorate


def tell(line: str) -> None:
    """Write a line to the run's log, where people follow it."""
    get_run_logger().info(scrub(line))


def _without_secrets(body: Callable[[], R]) -> R:
    try:
        return body()
    except (Refused, Transient, Waiting) as known:
        texts = [scrub(str(part)) for part in known.args]
        if texts == [str(part) for part in known.args]:
            raise
        if isinstance(known, Waiting):
            raise Waiting(*texts, until=known.until) from None
        raise type(known)(*texts) from None
    except Exception as unknown:
        if scrub(text := f"{unknown!r} {unknown}") == text:
            raise
        raise Scrubbed(f"{type(unknown).__name__}: {scrub(str(unknown))}") from None
