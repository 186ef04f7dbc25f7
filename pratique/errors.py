"""The three ways in which something did not happen.

* `Refused`    a rule said no. Never retried; every reason is given.
    - `Invalid`    the input itself is wrong: names the place and the remedy.
    - `FenceLost`  a newer holder has taken the environment's lock.
* `Transient`  the other side could not answer now. Retried, bounded.
    - `Exhausted`  and those bounds are reached.
* `Waiting`    not yet. Polled, and never spelled as a retry.

Any other exception is a bug and surfaces as it is.
No message of these ever holds a secret: clients name paths, policies and digests, not values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, Self


class Refused(Exception):
    """A rule said no; `reasons` holds every reason, each with what to do about it."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*(reasons or ("refused without a reason, which is a bug: please report it",)))

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(str(reason) for reason in self.args)

    def __str__(self) -> str:
        return "; ".join(self.reasons)


class Problem(NamedTuple):
    """One thing that is wrong with an input: where, what, and what to write instead."""

    place: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" + (f" ({self.remedy})" if self.remedy else "")


class Invalid(Refused):
    """The input is wrong: where, what, and what to write instead; `problems` holds every problem, the first one leading."""

    def __init__(self, place: str, problem: str, remedy: str = "", *others: Problem) -> None:
        super().__init__(place, problem, remedy)
        # Every argument stays in `args`, so that the error survives pickling by a task runner.
        self.args = (place, problem, remedy, *others)
        self.place, self.problem, self.remedy = place, problem, remedy
        self.problems = (Problem(place, problem, remedy), *others)

    @classmethod
    def all_of(cls, problems: Sequence[Problem]) -> Self:
        """One error for several problems, in their order; at least one."""
        return cls(*problems[0], *problems[1:])

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(str(problem) for problem in self.problems)


class FenceLost(Refused):
    """A newer holder has taken the lock of the environment; this one must not write any more."""


class Transient(Exception):
    """The other side could not answer now; asking again may help."""


class Exhausted(Transient):
    """It was asked again as often as it may be; only a person, or the next run, asks once more."""


class Waiting(Exception):
    """Not yet: `reasons` say for what, so that a person reading them knows whether to act."""

    def __init__(self, *reasons: str, until: datetime | None = None) -> None:
        super().__init__(*reasons)
        self.until = until
        """When it may go on, as far as that is known."""

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(str(reason) for reason in self.args)

    def __str__(self) -> str:
        return "; ".join(self.reasons)


@contextmanager
def footnote(failure: BaseException, doing: str) -> Iterator[None]:
    """What goes wrong while a failure is explained, or cleaned up after, is a note of it and never takes its place."""
    try:
        yield
    except (Refused, Transient) as second:
        failure.add_note(f"and then it could not {doing}: {second}")
