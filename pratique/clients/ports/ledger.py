"""The database of promotions, locks and history."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pratique.clients.ports.waiting_list import WaitingList
from pratique.values.digest import Digest
from pratique.values.grant import GrantEvidence
from pratique.values.lease import Lease
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.rebuilt import Rebuilt
from pratique.values.release import StoredRelease
from pratique.values.ruling import SignedRuling


class Ledger(WaitingList, Protocol):
    """The database of promotions, locks and history."""

    def record_release(self, stored: StoredRelease) -> None:
        """Remember a release; again is harmless."""
        ...

    def releases(self, service: str | None = None, limit: int = 50) -> Sequence[StoredRelease]:
        """The newest releases first."""
        ...

    def begin(self, promotion: Promotion) -> None:
        """Record a promotion that starts; it is `running`, without a fence yet."""
        ...

    def finish(self, promotion_id: str, state: PromotionState, *, reason: str = "", address: str = "") -> Promotion:
        """Record how it ended, its lock given back; it keeps its first ending (another one is refused)."""
        ...

    def grant(
        self, promotion_id: str, lease: Lease, address: str, reason: str = "", evidence: GrantEvidence | None = None
    ) -> Promotion:
        """Record it as granted, refused with `FenceLost` where the lease is no longer the newest, in one transaction.

        `evidence` is its signed grant, whose time it takes.
        """
        ...

    def granted(self, service: str, environment: str) -> Promotion | None:
        """The last granted promotion: what the environment holds."""
        ...

    def granted_before(self, service: str, environment: str) -> Promotion | None:
        """The newest grant of another release than the environment holds now: where a rollback goes."""
        ...

    def grant_of(self, service: str, environment: str, release: Digest) -> Promotion | None:
        """The newest grant of that very release in that environment, whatever has been granted since."""
        ...

    def granted_at(self, service: str, environment: str, at: datetime) -> Promotion | None:
        """The last one that was granted by then: what the environment held at that time."""
        ...

    def granted_after(self, grant: Promotion) -> Promotion | None:
        """The first one that was granted there after this one by other evidence: what ended its time."""
        ...

    def environments(self, service: str | None = None) -> Sequence[tuple[str, str]]:
        """Every (service, environment) that has a promotion on record, sorted."""
        ...

    def history(self, service: str | None = None, environment: str | None = None, limit: int = 50) -> Sequence[Promotion]:
        """Promotions, newest first."""
        ...

    def acquire(self, promotion_id: str, duration: timedelta, *, newest_only: bool = False) -> Lease | None:
        """The lock of the promotion's environment, or None while another holds it or is before it in the queue.

        None is a place in the queue, first come first served; one that has not asked again for twice `duration` is passed.
        Taking over from a holder whose lease has run out, or passing one, marks that one's promotion `abandoned`.
        A promotion that holds the lock already gets it under a new fence, so that an earlier process of it is shut out.
        With `newest_only`, of the promotions in the queue only those of the newest release stay; the others are superseded.
        """
        ...

    def renew(self, lease: Lease, duration: timedelta) -> Lease:
        """The lease, longer; `FenceLost` where somebody has taken over."""
        ...

    def release(self, lease: Lease) -> None:
        """Give the lock back; harmless where it was lost."""
        ...

    def holder(self, service: str, environment: str) -> Promotion | None:
        """The promotion that holds the lock now."""
        ...

    def record_ruling(self, signed: SignedRuling) -> None:
        """Remember what was decided about a release; again is harmless."""
        ...

    def rulings(
        self,
        service: str,
        environment: str | None = None,
        limit: int = 50,
        *,
        kinds: Collection[str] = (),
        until: datetime | None = None,
    ) -> Sequence[SignedRuling]:
        """The newest rulings first: of an environment, with those that concern every one, or of all.

        Only those of these `kinds`, where some are named, and only those that were made by `until`.
        """
        ...

    def require_empty(self) -> None:
        """Return where nothing was ever recorded: no release, no promotion, no lock, no ruling."""
        ...

    def rebuild(self, rebuilt: Rebuilt) -> None:
        """Record all of it in one transaction, each lock free and under the highest fence; refused where it is not empty."""
        ...

    def promotion(self, promotion_id: str) -> Promotion:
        """The promotion; refused where there is none of that id."""
        ...
