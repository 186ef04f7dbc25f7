"""What a stack's status allows.

Statuses: docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from enum import StrEnum

_SETTLED = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
)
_SUCCEEDED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})

_REMEDIES = {
    "UPDATE_ROLLBACK_FAILED": "repair what its events name, then `aws cloudformation continue-update-rollback`",
    "UPDATE_FAILED": "roll it back by `aws cloudformation rollback-stack`",
    "CREATE_FAILED": "look at what was left for inspection, then delete the stack",
    "ROLLBACK_FAILED": "delete the stack, retaining what cannot be deleted",
    "DELETE_FAILED": "delete the stack again, retaining what cannot be deleted (`--retain-resources`)",
    "IMPORT_ROLLBACK_FAILED": "repair what its events name by hand",
}


class Standing(StrEnum):
    """What may be done with a stack."""

    ABSENT = "absent"
    """Can be created. A stack under review counts: it has a change set, and no resources."""
    SETTLED = "settled"
    """Can be updated."""
    BUSY = "busy"
    """Something is changing it."""
    STILLBORN = "stillborn"
    """Its creation failed and was rolled back: it can only be deleted, and holds nothing."""
    STUCK = "stuck"
    """A person must act first."""


def standing(status: str | None) -> Standing:
    """What may be done with a stack of this status; None where there is no such stack."""
    if status in (None, "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
        return Standing.ABSENT
    if status in _SETTLED:
        return Standing.SETTLED
    if status == "ROLLBACK_COMPLETE":
        return Standing.STILLBORN
    return Standing.BUSY if status.endswith("_IN_PROGRESS") else Standing.STUCK


def has_succeeded(status: str) -> bool:
    """Whether a creation or an update that ended so did what was asked."""
    return status in _SUCCEEDED


def remedy(status: str) -> str:
    """What a person can do about a stuck stack."""
    return _REMEDIES.get(status, "look at its events")
