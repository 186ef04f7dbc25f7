"""The ledger in memory, keeping the contract of `Ledger`."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pratique.errors import FenceLost, Refused
from pratique.values.asked import Asked
from pratique.values.digest import Digest
from pratique.values.grant import GrantEvidence
from pratique.values.lease import Lease
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.rebuilt import Rebuilt
from pratique.values.release import StoredRelease
from pratique.values.ruling import SignedRuling

Place = tuple[str, str]


@dataclass
class Lock:
    """One environment's lock, and the queue before it: promotion → until when its place is safe."""

    fence: int = 0
    lease: Lease | None = None
    waiting: dict[str, datetime] = field(default_factory=dict)


class FakeLedger:
    """A ledger that is forgotten; `clock` is the database's."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._turn = threading.RLock()
        self._releases: dict[str, StoredRelease] = {}
        self._promotions: dict[str, Promotion] = {}
        self._locks: dict[Place, Lock] = {}
        self._rulings: dict[Digest, SignedRuling] = {}

    def record_release(self, stored: StoredRelease) -> None:
        self._releases.setdefault(stored.digest, stored)

    def releases(self, service: str | None = None, limit: int = 50) -> Sequence[StoredRelease]:
        newest = [stored for stored in reversed(self._releases.values()) if service in (None, stored.release.service)]
        return newest[:limit]

    def begin(self, promotion: Promotion) -> None:
        if promotion.state is not PromotionState.RUNNING or promotion.fence is not None:
            raise Refused(f"promotion {promotion.id} cannot begin as {promotion.state}")
        with self._turn:
            present = self._promotions.setdefault(promotion.id, promotion)
            fixed = {"kind", "service", "environment", "release", "commit"}
            if present.model_dump(include=fixed) != promotion.model_dump(include=fixed):
                raise Refused(f"promotion {promotion.id} is on record as another one")
            self._locks.setdefault((promotion.service, promotion.environment), Lock())
            for one in self._waiting_beside(promotion):
                if promotion.kind == "promote" and one.release == promotion.release:
                    self._supersede(one, promotion, "goes on with it")

    def finish(self, promotion_id: str, state: PromotionState, *, reason: str = "", address: str = "") -> Promotion:
        with self._turn:
            promotion = self.promotion(promotion_id)
            if promotion.state is state and state is not PromotionState.RUNNING:
                return promotion
            if promotion.state not in (PromotionState.RUNNING, PromotionState.WAITING):
                raise Refused(f"promotion {promotion_id} has ended as {promotion.state}, and stays so")
            if state in (PromotionState.RUNNING, PromotionState.WAITING, PromotionState.GRANTED):
                raise Refused(f"promotion {promotion_id} cannot end as {state} here")
            lock = self._lock(promotion)
            lock.waiting.pop(promotion_id, None)
            if lock.lease is not None and lock.lease.holder == promotion_id:
                lock.lease = None
            return self._end(promotion, state, reason, address)

    def grant(
        self, promotion_id: str, lease: Lease, address: str, reason: str = "", evidence: GrantEvidence | None = None
    ) -> Promotion:
        with self._turn:
            promotion = self.promotion(promotion_id)
            if promotion.state is PromotionState.GRANTED and promotion.fence == lease.fence:
                return promotion
            if (promotion.id, promotion.service, promotion.environment) != (lease.holder, lease.service, lease.environment):
                raise Refused(f"promotion {promotion_id} cannot be granted by the lease of promotion {lease.holder}")
            self._require_newest(lease)
            if promotion.state is not PromotionState.RUNNING:
                raise Refused(f"promotion {promotion_id} has ended as {promotion.state}, and stays so")
            self._supersede_waiting(promotion, "was granted")
            done = self._end(promotion, PromotionState.GRANTED, reason, address)
            signed = {} if evidence is None else {"evidence": evidence.bundle, "finished_at": evidence.at}
            self._promotions[promotion_id] = done.model_copy(update=signed)
            return self._promotions[promotion_id]

    def wait(self, promotion_id: str, reason: str, until: datetime | None, asked: Asked | None = None) -> Promotion:
        with self._turn:
            promotion = self.promotion(promotion_id)
            if promotion.state in (PromotionState.WAITING, PromotionState.SUPERSEDED):
                return promotion
            if promotion.state is not PromotionState.RUNNING:
                raise Refused(f"promotion {promotion_id} has ended as {promotion.state}, and stays so")
            lock = self._lock(promotion)
            lock.waiting.pop(promotion_id, None)
            if lock.lease is not None and lock.lease.holder == promotion_id:
                lock.lease = None
            newer = [one for one in self._waiting_beside(promotion) if self._number(one) > self._number(promotion)]
            if newer:
                return self._supersede(promotion, newer[-1], "waits already")
            self._supersede_waiting(promotion, "waits now")
            change = {"state": PromotionState.WAITING, "reason": reason, "waits_until": until, "asked": asked}
            self._promotions[promotion_id] = promotion.model_copy(update=change)
            return self._promotions[promotion_id]

    def go_on(self, promotion_id: str) -> Promotion:
        with self._turn:
            promotion = self.promotion(promotion_id)
            if promotion.state is PromotionState.RUNNING:
                return promotion
            if promotion.state is not PromotionState.WAITING:
                raise Refused(f"promotion {promotion_id} has ended as {promotion.state}, and stays so: {promotion.reason}")
            running = promotion.model_copy(update={"state": PromotionState.RUNNING, "reason": "", "waits_until": None})
            self._promotions[promotion_id] = running
            return running

    def record_ruling(self, signed: SignedRuling) -> None:
        self._rulings.setdefault(signed.bundle, signed)

    def rulings(
        self,
        service: str,
        environment: str | None = None,
        limit: int = 50,
        *,
        kinds: Collection[str] = (),
        until: datetime | None = None,
    ) -> Sequence[SignedRuling]:
        found = [
            signed
            for signed in reversed(self._rulings.values())
            if signed.ruling.service == service
            and (environment is None or getattr(signed.ruling, "environment", environment) == environment)
            and (not kinds or signed.ruling.kind in kinds)
            and (until is None or signed.ruling.made_at <= until)
        ]
        return found[:limit]

    def waiting(self, service: str | None = None, environment: str | None = None) -> Sequence[Promotion]:
        found = reversed(self.history(service, environment, limit=2**31))
        return [promotion for promotion in found if promotion.state is PromotionState.WAITING]

    def supersede(self, service: str, environment: str, release: str, reason: str) -> Sequence[Promotion]:
        with self._turn:
            newest = self._number_of(release)
            older = [one for one in self.waiting(service, environment) if self._number(one) < newest]
            return [self._end(one, PromotionState.SUPERSEDED, reason, "") for one in older]

    def release_order(self, service: str) -> Sequence[str]:
        return [stored.digest for stored in reversed(self.releases(service, limit=2**31))]

    def granted(self, service: str, environment: str) -> Promotion | None:
        return next(iter(self._grants(service, environment)), None)

    def granted_before(self, service: str, environment: str) -> Promotion | None:
        grants = self._grants(service, environment)
        return next((grant for grant in grants if grant.release != grants[0].release), None)

    def grant_of(self, service: str, environment: str, release: str) -> Promotion | None:
        return next((grant for grant in self._grants(service, environment) if grant.release == release), None)

    def granted_at(self, service: str, environment: str, at: datetime) -> Promotion | None:
        return next((one for one in self._grants(service, environment) if one.finished_at and one.finished_at <= at), None)

    def granted_after(self, grant: Promotion) -> Promotion | None:
        later = [one for one in self._grants(grant.service, grant.environment) if (one.fence or 0) > (grant.fence or 0)]
        return next((one for one in reversed(later) if one.evidence is None or one.evidence != grant.evidence), None)

    def require_empty(self) -> None:
        if self._releases or self._promotions or self._locks or self._rulings:
            raise Refused("the ledger holds something, and is left alone: let ledger.url name a new one")

    def rebuild(self, rebuilt: Rebuilt) -> None:
        with self._turn:
            self.require_empty()
            if len({promotion.id for promotion in rebuilt.promotions}) < len(rebuilt.promotions):
                raise Refused("the ledger contradicts this: one promotion is there twice")
            self._releases = {stored.digest: stored for stored in rebuilt.releases}
            self._promotions = {promotion.id: promotion for promotion in rebuilt.promotions}
            self._locks = {(known.service, known.environment): Lock(known.highest) for known in rebuilt.fences}
            self._rulings = {signed.bundle: signed for signed in rebuilt.rulings}

    def environments(self, service: str | None = None) -> Sequence[tuple[str, str]]:
        return sorted(place for place in self._locks if service in (None, place[0]))

    def history(self, service: str | None = None, environment: str | None = None, limit: int = 50) -> Sequence[Promotion]:
        found = [
            promotion
            for promotion in reversed(self._promotions.values())
            if service in (None, promotion.service) and environment in (None, promotion.environment)
        ]
        return found[:limit]

    def acquire(self, promotion_id: str, duration: timedelta, *, newest_only: bool = False) -> Lease | None:
        with self._turn:
            promotion, now = self.promotion(promotion_id), self._clock()
            if promotion.state is PromotionState.SUPERSEDED:
                raise Refused(promotion.reason)
            if promotion.state is not PromotionState.RUNNING:
                raise Refused(f"promotion {promotion_id} has ended ({promotion.state})")
            lock = self._lock(promotion)
            if lock.lease is None or lock.lease.holder != promotion_id:
                lock.waiting[promotion_id] = now + 2 * duration
                if newest_only and promotion.kind == "promote":
                    self._leave_the_newest(lock, now)
                    if promotion_id not in lock.waiting:
                        return None
                ahead = list(itertools.takewhile(lambda waiting: waiting != promotion_id, lock.waiting))
                if (lock.lease is not None and lock.lease.expires_at > now) or any(lock.waiting[one] > now for one in ahead):
                    return None
                if lock.lease is not None:
                    self._abandon(lock.lease.holder, f"its lease ran out, and promotion {promotion_id} took the lock over")
                for one in ahead:
                    reason = f"it stopped asking for the lock, and promotion {promotion_id}, which came later, took it"
                    self._abandon(one, reason)
            lock.waiting.pop(promotion_id, None)
            lock.fence += 1
            place = {"service": promotion.service, "environment": promotion.environment}
            lock.lease = Lease(**place, holder=promotion_id, fence=lock.fence, expires_at=now + duration)
            self._promotions[promotion_id] = promotion.model_copy(update={"fence": lock.fence})
            return lock.lease

    def renew(self, lease: Lease, duration: timedelta) -> Lease:
        with self._turn:
            longer = lease.model_copy(update={"expires_at": self._clock() + duration})
            self._require_newest(lease).lease = longer
            return longer

    def release(self, lease: Lease) -> None:
        with self._turn:
            try:
                self._require_newest(lease).lease = None
            except FenceLost:
                return

    def holder(self, service: str, environment: str) -> Promotion | None:
        with self._turn:
            lease = self._locks.get((service, environment), Lock()).lease
            return self.promotion(lease.holder) if lease and lease.expires_at > self._clock() else None

    def queue(self, service: str, environment: str) -> Sequence[Promotion]:
        with self._turn:
            waiting = self._locks.get((service, environment), Lock()).waiting
            return [self.promotion(promotion) for promotion, until in waiting.items() if until > self._clock()]

    def promotion(self, promotion_id: str) -> Promotion:
        if promotion_id not in self._promotions:
            raise Refused(f"no promotion {promotion_id} is on record")
        return self._promotions[promotion_id]

    def _grants(self, service: str, environment: str) -> list[Promotion]:
        grants = [each for each in self.history(service, environment, limit=2**31) if each.state is PromotionState.GRANTED]
        return sorted(grants, key=lambda grant: grant.fence or 0, reverse=True)

    def _end(self, promotion: Promotion, state: PromotionState, reason: str, address: str) -> Promotion:
        ending = {"state": state, "finished_at": self._clock(), "reason": reason or promotion.reason}
        self._promotions[promotion.id] = promotion.model_copy(update=ending | {"address": address or promotion.address})
        return self._promotions[promotion.id]

    def _abandon(self, promotion_id: str, reason: str) -> None:
        dead = self.promotion(promotion_id)
        self._lock(dead).waiting.pop(promotion_id, None)
        if dead.state is PromotionState.RUNNING:
            self._end(dead, PromotionState.ABANDONED, reason, "")

    def _leave_the_newest(self, lock: Lock, now: datetime) -> None:
        alive = [self.promotion(one) for one, until in lock.waiting.items() if until > now]
        asking = [one for one in alive if one.kind == "promote"]
        newest = max(asking, key=self._number)
        for one in asking:
            if self._number(one) < self._number(newest):
                del lock.waiting[one.id]
                self._supersede(one, newest, "waits for the same lock")

    def _supersede_waiting(self, by: Promotion, what: str) -> None:
        for one in self._waiting_beside(by):
            if self._number(one) <= self._number(by):
                self._supersede(one, by, what)

    def _supersede(self, one: Promotion, by: Promotion, what: str) -> Promotion:
        return self._end(one, PromotionState.SUPERSEDED, f"superseded by promotion {by.id}: it {what}", "")

    def _waiting_beside(self, promotion: Promotion) -> list[Promotion]:
        return [one for one in self.waiting(promotion.service, promotion.environment) if one.id != promotion.id]

    def _number(self, promotion: Promotion) -> int:
        return self._number_of(promotion.release)

    def _number_of(self, release: str) -> int:
        return list(self._releases).index(release) + 1 if release in self._releases else 0

    def _lock(self, promotion: Promotion) -> Lock:
        return self._locks[(promotion.service, promotion.environment)]

    def _require_newest(self, lease: Lease) -> Lock:
        lock = self._locks[(lease.service, lease.environment)]
        if lock.lease is None or (lock.lease.fence, lock.lease.holder) != (lease.fence, lease.holder):
            raise FenceLost(f"the lock of {lease.service} in {lease.environment} is no longer held under fence {lease.fence}")
        return lock
