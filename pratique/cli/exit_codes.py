"""Exit codes of `pratique`, for scripts: what happened, without reading the text."""

from __future__ import annotations

from enum import IntEnum

from pratique.errors import Invalid, Refused, Transient, Waiting


class ExitCode(IntEnum):
    """0 done, 1 a bug, 2 the input is wrong, 3 refused, 4 waiting, 5 a transient failure that lasted, 130 interrupted."""

    DONE = 0
    BUG = 1
    USAGE = 2
    REFUSED = 3
    WAITING = 4
    TRANSIENT = 5
    INTERRUPTED = 130
    """By Ctrl-C, as shells say it: 128 and the number of SIGINT. What was started goes on."""


def code_of(failure: Exception) -> ExitCode:
    """The exit code of one of our words; anything else is a bug."""
    match failure:
        case Invalid():
            return ExitCode.USAGE
        case Refused():
            return ExitCode.REFUSED
        case Waiting():
            return ExitCode.WAITING
        case Transient():
            return ExitCode.TRANSIENT
        case _:
            return ExitCode.BUG


STATE_CODES = {
    "Completed": ExitCode.DONE,
    "Invalid": ExitCode.USAGE,
    "Refused": ExitCode.REFUSED,
    "Cancelled": ExitCode.REFUSED,
    "Waiting": ExitCode.WAITING,
    "Suspended": ExitCode.WAITING,
    "Transient": ExitCode.TRANSIENT,
    # Its process was killed, or its machine: run again, it goes on.
    "Crashed": ExitCode.TRANSIENT,
}
"""By the name of a flow run's final state; any other name is a bug's."""
