"""Reports: what a forge is told about what its event started."""

from __future__ import annotations

from enum import StrEnum

from pratique.values._base import Value


class ReportState(StrEnum):
    """The states of a commit, in our words; each forge has fewer of them, or other names."""

    PENDING = "pending"
    """Accepted; it waits for its turn."""
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    """A rule said no, or a check failed: whoever wrote the commit can mend it."""
    ERROR = "error"
    """Something else broke: the operator can mend it."""
    CANCELLED = "cancelled"
    """Nothing will become of it: somebody cancelled it, or a newer commit has taken its place."""


class Reported(Value):
    """What a forge was told last about one event."""

    state: ReportState | None = None
    """None where it was told nothing yet."""
    run: str = ""
    """The flow run that it was told of."""
    attempts: int = 0
    """How often it could not be told since then."""
    problem: str = ""
    """Why it could not."""
