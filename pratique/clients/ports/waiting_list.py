"""What the pipeline asks of the ledger about promotions that wait; part of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pratique.values.asked import Asked
from pratique.values.digest import Digest
from pratique.values.promotion import Promotion


class WaitingList(Protocol):
    """The promotions that wait: for the lock, in a queue; for their time, in one environment only the newest release's."""

    def wait(self, promotion_id: str, reason: str, until: datetime | None, asked: Asked | None = None) -> Promotion:
        """Record that its time has not come, its lock given back; those that wait there for older releases are superseded.

        `asked` is what it waits to be approved of. It is superseded itself where one of a newer release waits already.
        Who begins or is granted with the same release, or is granted with a newer one, ends the wait.
        """
        ...

    def go_on(self, promotion_id: str) -> Promotion:
        """Record that one that waited runs again; refused, with the reason, where it has ended meanwhile."""
        ...

    def waiting(self, service: str | None = None, environment: str | None = None) -> Sequence[Promotion]:
        """The promotions that wait for their time, oldest first."""
        ...

    def supersede(self, service: str, environment: str, release: Digest, reason: str) -> Sequence[Promotion]:
        """End the promotions that wait there for a release older than this one; gives them as they ended."""
        ...

    def release_order(self, service: str) -> Sequence[Digest]:
        """Every release of the service, in the order in which they came on record: the later one is the newer one."""
        ...

    def queue(self, service: str, environment: str) -> Sequence[Promotion]:
        """The promotions that wait for the lock, first come first, without those that have stopped asking."""
        ...
