"""A promotion as the ledger records it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pratique.values._base import Value
from pratique.values.asked import Asked
from pratique.values.digest import Digest
from pratique.values.names import CommitId, Name
from pratique.values.release import StoredRelease


class PromotionState(StrEnum):
    """Where a promotion is; all but the first two are final."""

    RUNNING = "running"
    WAITING = "waiting"
    """Its time has not come: nothing is wrong, nothing was changed, and the clock goes on with it."""
    GRANTED = "granted"
    """The release is in the environment, and every check passed."""
    FAILED = "failed"
    """It did not come in; the environment holds what was granted before."""
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"
    """Its process died, holding the lock or waiting for it; a later promotion went past it."""
    SUPERSEDED = "superseded"
    """It waited, for its time or for the lock, and another one took its place: of a newer release, or of the same one."""


class Promotion(Value):
    """Moving one release into one environment: who, what, when, and how it ended."""

    id: str
    """A UUID."""
    kind: Literal["promote", "rollback"]
    service: Name
    environment: Name
    release: Digest
    commit: CommitId
    requested_by: str
    """Who asked, as far as known: a claim for the record, never an authority."""
    state: PromotionState
    reason: str = ""
    """Why it failed or waits, by what it was superseded, or why a rollback was asked for."""
    fence: int | None = None
    started_at: datetime
    finished_at: datetime | None = None
    address: str = ""
    """Where the workload is reached, once granted."""
    run_url: str = ""
    evidence: Digest | None = None
    """Of the bundle that carries its signed grant, once granted."""
    waits_until: datetime | None = None
    """When one that waits may go on, as far as that is known."""
    asked: Asked | None = None
    """What it waits to be approved of, where it does."""


class Standing(Value):
    """What an environment holds: the release, and the promotion that granted it."""

    promotion: Promotion
    stored: StoredRelease
