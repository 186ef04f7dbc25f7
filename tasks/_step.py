"""What every step has in common, said once: those that are tasks, and those that are part of their flow run.

* Its body is an ordinary function and runs in a thread, so that the flow's own loop keeps its heartbeats and its lease.
* A cancelled task ends when its thread does ([threads](../pratique/pipeline/threads.py)).
* What leaves it holds no secret: failures are scrubbed, results are not persisted.
* Its state is not remembered by Prefect: each body looks first and does nothing where all is done, which a cache cannot know.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import ParamSpec, TypeVar, cast

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.logging.handlers import APILogHandler

from pratique.errors import Exhausted, Refused, Transient, Waiting
from pratique.pipeline.threads import in_thread
from pratique.scrub import scrub
from tasks._retries import RetryPolicy

JITTER = 0.3
"""A delay is longer by up to this share of it, so that those who failed together do not ask together again."""

LAST_LINES = 5.0
"""Seconds that the last lines of a log may take to the server."""

P = ParamSpec("P")
R = TypeVar("R")


class Scrubbed(Exception):
    """A failure that was no word of ours, its text without secrets; names the type it had."""


def step(name: str, retries: RetryPolicy) -> Callable[[Callable[P, R]], Callable[P, Awaitable[R]]]:
    """Make a task called `name` (a format of its parameters, such as `build {section.name}`) of an ordinary function."""

    def decorate(body: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        # Prefect walks through all that a task is given, looking for results of other tasks: the whole of a release, each
        # time. It is given the call instead, and the name that it shows.
        async def run(step: str, call: Callable[[], R]) -> R:  # noqa: ARG001  # its name is made of `step`
            return await in_thread(functools.partial(_without_secrets, call))

        # By these Prefect tells one task from another.
        run.__module__, run.__qualname__ = body.__module__, body.__qualname__
        made = task(
            name=body.__name__.replace("_", "-"),
            task_run_name="{step}",
            description=body.__doc__,
            retries=len(retries.delays()),
            retry_delay_seconds=retries.delays(),
            retry_jitter_factor=JITTER,
            retry_condition_fn=retries.condition,
            persist_result=False,
            cache_policy=NO_CACHE,
        )(run)
        signature = inspect.signature(body)

        @functools.wraps(body)
        def begin(*arguments: P.args, **named: P.kwargs) -> Awaitable[R]:
            given = signature.bind(*arguments, **named)
            given.apply_defaults()
            started = made(step=name.format(**given.arguments), call=functools.partial(body, *arguments, **named))
            return cast("Awaitable[R]", started)

        return begin

    return decorate


def inline_step(retries: RetryPolicy) -> Callable[[Callable[P, R]], Callable[P, Awaitable[R]]]:
    """Make an awaitable of an ordinary function that is run and retried as a step is, without a task run of its own.

    For what nobody looks for, retries or cancels by itself, such as a look into the ledger: a task run costs Prefect three
    states and the client and the server some thirty milliseconds each. A failure is the flow run's; a retry is in its log.
    """

    def decorate(body: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        @functools.wraps(body)
        async def run(*arguments: P.args, **named: P.kwargs) -> R:
            guarded = functools.partial(_without_secrets, functools.partial(body, *arguments, **named))
            began = time.monotonic()
            for attempt, delay in enumerate(retries.delays(), start=1):
                try:
                    return await in_thread(guarded)
                except Exhausted:
                    raise
                except Transient as fault:
                    if not retries.allows(attempt, timedelta(seconds=time.monotonic() - began)):
                        raise
                    tell(f"{body.__name__}: {fault}; asking again in {delay:.1f} s")
                    await asyncio.sleep(delay * random.uniform(1, 1 + JITTER))  # noqa: S311  # spreads load, hides nothing
            return await in_thread(guarded)

        return run

    return decorate


def tell(line: str) -> None:
    """Write a line to the run's log, where people follow it."""
    get_run_logger().info(scrub(line))


async def tell_the_end(line: str, level: int) -> None:
    """Write the last line to the run's log, and return when the server has it or does not take it: the process may end then."""
    get_run_logger().log(level, scrub(line))
    with suppress(TimeoutError):
        await asyncio.wait_for(APILogHandler.aflush(), LAST_LINES)


def _without_secrets(body: Callable[[], R]) -> R:
    try:
        return body()
    except Exception as failure:
        clean = clean_of(failure)
        if clean is failure:
            raise
        raise clean from None


def clean_of(failure: Exception) -> Exception:
    """The failure itself, where it says nothing secret; else one of the same word of ours, or `Scrubbed`, that does not."""
    notes = list(getattr(failure, "__notes__", ()))
    if isinstance(failure, Refused | Transient | Waiting):
        said = [str(part) for part in failure.args]
        texts = [scrub(part) for part in said]
        if texts == said and [scrub(note) for note in notes] == notes:
            return failure
        clean: Exception = Waiting(*texts, until=failure.until) if isinstance(failure, Waiting) else type(failure)(*texts)
    else:
        if scrub(text := "\n".join([f"{failure!r} {failure}", *notes])) == text:
            return failure
        clean = Scrubbed(f"{type(failure).__name__}: {scrub(str(failure))}")
    for note in notes:
        clean.add_note(scrub(note))
    return clean
