"""What the intake of events asks of the systems outside it; Refused and Transient as everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pratique.clients.ports.reports import Reports
from pratique.values.event import Backlog, Claim, Event, EventState, InboxEvent


class Inbox(Reports, Protocol):
    """The durable store of events: what was accepted is there until it is dispatched, and known for as long as it is kept."""

    def store(self, events: Sequence[Event]) -> Sequence[bool]:
        """For each event, in order, whether it is new; all are stored durably, in one transaction, when this returns.

        Known already is one with the forge and delivery id, or with the fingerprint, of another.
        """
        ...

    def claim(self, holder: str, duration: timedelta) -> Claim | None:
        """The oldest event that is due, for `holder` alone until the claim expires; None where there is none.

        Only the first waiting event of each lane is given, so that one after the other is dispatched.
        """
        ...

    def finish(
        self, claim: Claim, state: EventState, *, reason: str = "", commit: str = "", run: str = "", run_url: str = ""
    ) -> None:
        """Record how it ended; a started one's `commit` is from now on the newest of its lane.

        Of one that was superseded, `commit` is given where its forge is to be told so.
        Refused with `FenceLost` where another dispatcher has taken the event over.
        """
        ...

    def postpone(self, claim: Claim, pause: timedelta, reason: str) -> None:
        """Give the event back, to be tried again after the pause; its lane waits with it. `FenceLost` as above."""
        ...

    def dispatched(self, event: Event) -> str | None:
        """The commit of the event of this lane that was started last; it is remembered for good."""
        ...

    def again(self, number: int) -> InboxEvent:
        """The refused event, waiting once more; refused where it is in any other state."""
        ...

    def events(self, service: str | None = None, state: EventState | None = None, limit: int = 50) -> Sequence[InboxEvent]:
        """Events, newest first."""
        ...

    def backlog(self) -> Backlog:
        """How many events wait, and since when; and of how many the forge could not be told."""
        ...

    def forget(self, before: datetime) -> int:
        """Delete events that ended before then; how many there were."""
        ...
