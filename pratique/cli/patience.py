"""Asking again, for what a command does itself: no task stands around it that would."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pratique.cli.output import complaints
from pratique.errors import Transient

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

T = TypeVar("T")

ATTEMPTS, WITHIN = 6, 30.0
"""How often at the most, and for how many seconds."""


def patiently(ask: Callable[[], T]) -> T:
    """The answer, asked for again where it could not be had now; `ask` must be harmless twice."""
    faults: list[Transient] = []
    try:
        # Almost every question is answered at once: what asks again is not even imported then.
        return ask()
    except Transient as fault:
        faults.append(fault)
    import stamina
    from stamina.instrumentation import set_on_retry_hooks

    set_on_retry_hooks([_tell])
    for attempt in stamina.retry_context(on=Transient, attempts=ATTEMPTS, timeout=WITHIN):
        with attempt:
            if faults:
                raise faults.pop()
            return ask()
    raise AssertionError("unreachable: the last attempt answers or raises")


def _tell(details: RetryDetails) -> None:
    # Left to itself, stamina writes the name of an event, which says nothing to a person.
    complaints.print(f"{details.caused_by}; asking again", markup=False)
