"""Several requests at once, because most of a request is waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 4


def in_parallel(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The result for each item, in their order; the first error is raised, and nothing more is begun."""
    waiting = list(items)
    if len(waiting) <= 1:
        return [function(item) for item in waiting]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="registry") as threads:
        futures = [threads.submit(function, item) for item in waiting]
        try:
            return [future.result() for future in futures]
        finally:
            threads.shutdown(cancel_futures=True)
