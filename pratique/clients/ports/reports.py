"""The port to what forges were told of their events, kept with the events."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Protocol

from pratique.values.event import Forge, ReportClaim
from pratique.values.report import Reported


class Reports(Protocol):
    """Which events are to be looked at, so that their forges hear of each change; part of the inbox.

    An event that `reports` is due at once, and again as soon as it was dispatched or waits once more.
    """

    def claim_report(self, forges: Collection[Forge], duration: timedelta) -> ReportClaim | None:
        """The event of these forges that is due first; nobody else gets it until `duration` is over. None: none is due."""
        ...

    def record_report(self, claim: ReportClaim, reported: Reported, again: timedelta | None) -> None:
        """Record what the forge was told; the event is due `again` after that time, or never, where nothing changes any more.

        Refused with `FenceLost` where another has claimed the event, or it has come to another state, since.
        """
        ...
