"""The ledger in SQL: each method is one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, select

from pratique.clients.ledger import locking, rebuilding, records, ruled, superseding
from pratique.clients.ledger.database import Database
from pratique.clients.ledger.engine import now
from pratique.clients.ledger.tables import locks, promotions
from pratique.errors import Refused
from pratique.values.asked import Asked
from pratique.values.digest import Digest
from pratique.values.grant import GrantEvidence
from pratique.values.lease import Lease
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.rebuilt import Rebuilt
from pratique.values.release import StoredRelease
from pratique.values.ruling import SignedRuling


class SqlLedger(Database):
    """The ledger in one database; use `open_ledger`."""

    def record_release(self, stored: StoredRelease) -> None:
        with self._writing() as connection:
            records.add_release(connection, stored, now(connection))

    def releases(self, service: str | None = None, limit: int = 50) -> Sequence[StoredRelease]:
        with self._reading() as connection:
            return [records.release_of(row) for row in connection.execute(records.newest_releases(service, limit))]

    def begin(self, promotion: Promotion) -> None:
        if promotion.state is not PromotionState.RUNNING or promotion.fence is not None:
            raise Refused(f"promotion {promotion.id} cannot begin as {promotion.state}: it begins running, without a fence")
        with self._writing() as connection:
            locking.add_lock(connection, promotion.service, promotion.environment)
            turn = locking.take_turn(connection, promotion.service, promotion.environment)
            records.add_promotion(connection, promotion)
            if promotion.kind == "promote":
                superseding.supersede_same(connection, promotion, turn.now)

    def finish(self, promotion_id: str, state: PromotionState, *, reason: str = "", address: str = "") -> Promotion:
        if state in (PromotionState.RUNNING, PromotionState.WAITING):
            raise Refused(f"promotion {promotion_id} cannot end as {state}")
        with self._writing() as connection:
            promotion, turn = self._turn_of(connection, promotion_id)
            if promotion.state is state:
                return promotion
            if promotion.state not in (PromotionState.RUNNING, PromotionState.WAITING):
                raise Refused(f"promotion {promotion_id} has ended as {promotion.state}, and stays so: it is not {state}")
            if state is PromotionState.GRANTED:
                raise Refused(f"promotion {promotion_id} can only be granted by whoever holds the lock")
            locking.leave(connection, promotion_id, turn)
            return records.end_promotion(connection, promotion, state, turn.now, reason=reason, address=address)

    def grant(
        self, promotion_id: str, lease: Lease, address: str, reason: str = "", evidence: GrantEvidence | None = None
    ) -> Promotion:
        with self._writing() as connection:
            promotion, turn = self._turn_of(connection, promotion_id)
            if promotion.state is PromotionState.GRANTED and promotion.fence == lease.fence:
                return promotion
            if (promotion.id, promotion.service, promotion.environment) != (lease.holder, lease.service, lease.environment):
                raise Refused(f"promotion {promotion_id} cannot be granted by the lease of promotion {lease.holder}")
            locking.require_newest(lease, turn)
            if promotion.state is not PromotionState.RUNNING:
                raise Refused(f"promotion {promotion_id} has ended as {promotion.state}, and stays so")
            superseding.supersede_waiting(connection, promotion, turn.now, "was granted")
            at = turn.now if evidence is None else evidence.at
            end = partial(records.end_promotion, connection, promotion, PromotionState.GRANTED, at)
            return end(reason=reason, address=address, evidence=None if evidence is None else evidence.bundle)

    def wait(self, promotion_id: str, reason: str, until: datetime | None, asked: Asked | None = None) -> Promotion:
        with self._writing() as connection:
            promotion, turn = self._turn_of(connection, promotion_id)
            if promotion.state in (PromotionState.WAITING, PromotionState.SUPERSEDED):
                return promotion
            if promotion.state is not PromotionState.RUNNING:
                raise Refused(f"promotion {promotion_id} has ended as {promotion.state}, and stays so: it does not wait")
            locking.leave(connection, promotion_id, turn)
            return superseding.let_wait(connection, promotion, turn.now, reason=reason, until=until, asked=asked)

    def go_on(self, promotion_id: str) -> Promotion:
        with self._writing() as connection:
            promotion, _ = self._turn_of(connection, promotion_id)
            if promotion.state is PromotionState.RUNNING:
                return promotion
            if promotion.state is not PromotionState.WAITING:
                raise Refused(f"promotion {promotion_id} has ended as {promotion.state}, and stays so: {promotion.reason}")
            return superseding.go_on(connection, promotion)

    def record_ruling(self, signed: SignedRuling) -> None:
        with self._writing() as connection:
            ruled.add_ruling(connection, signed)

    def rulings(
        self,
        service: str,
        environment: str | None = None,
        limit: int = 50,
        *,
        kinds: Collection[str] = (),
        until: datetime | None = None,
    ) -> Sequence[SignedRuling]:
        with self._reading() as connection:
            documents = connection.execute(ruled.newest_rulings(service, environment, limit, kinds, until)).scalars()
            return [SignedRuling.model_validate_json(document) for document in documents]

    def waiting(self, service: str | None = None, environment: str | None = None) -> Sequence[Promotion]:
        with self._reading() as connection:
            rows = connection.execute(superseding.waiting_promotions(service, environment))
            return [records.promotion_of(row) for row in rows]

    def supersede(self, service: str, environment: str, release: Digest, reason: str) -> Sequence[Promotion]:
        with self._writing() as connection:
            if connection.execute(superseding.waiting_promotions(service, environment)).first() is None:
                return []
            turn = locking.take_turn(connection, service, environment)
            return superseding.supersede_older(connection, (service, environment), release, turn.now, reason)

    def release_order(self, service: str) -> Sequence[Digest]:
        with self._reading() as connection:
            return list(connection.execute(superseding.release_order(service)).scalars())

    def granted(self, service: str, environment: str) -> Promotion | None:
        with self._reading() as connection:
            return records.first_promotion(connection, records.grants(service, environment))

    def granted_before(self, service: str, environment: str) -> Promotion | None:
        with self._reading() as connection:
            present = records.first_promotion(connection, records.grants(service, environment))
            if present is None:
                return None
            others = records.grants(service, environment).where(promotions.c.release != present.release)
            return records.first_promotion(connection, others)

    def grant_of(self, service: str, environment: str, release: Digest) -> Promotion | None:
        with self._reading() as connection:
            return records.first_promotion(connection, records.grants(service, environment, release))

    def granted_at(self, service: str, environment: str, at: datetime) -> Promotion | None:
        with self._reading() as connection:
            return records.first_promotion(connection, records.granted_by(service, environment, at))

    def granted_after(self, grant: Promotion) -> Promotion | None:
        with self._reading() as connection:
            return records.first_promotion(connection, records.granted_after(grant))

    def environments(self, service: str | None = None) -> Sequence[tuple[str, str]]:
        # Whatever has had a promotion has a lock, and of locks there are few.
        query = select(locks.c.service, locks.c.environment).order_by(locks.c.service, locks.c.environment)
        if service is not None:
            query = query.where(locks.c.service == service)
        with self._reading() as connection:
            return [(row.service, row.environment) for row in connection.execute(query)]

    def history(self, service: str | None = None, environment: str | None = None, limit: int = 50) -> Sequence[Promotion]:
        with self._reading() as connection:
            rows = connection.execute(records.history(service, environment, limit))
            return [records.promotion_of(row) for row in rows]

    def acquire(self, promotion_id: str, duration: timedelta, *, newest_only: bool = False) -> Lease | None:
        with self._writing() as connection:
            promotion, turn = self._turn_of(connection, promotion_id)
            return locking.acquire(connection, promotion, turn, duration, newest_only=newest_only)

    def renew(self, lease: Lease, duration: timedelta) -> Lease:
        with self._writing() as connection:
            turn = locking.take_turn(connection, lease.service, lease.environment)
            return locking.renew(connection, lease, turn, duration)

    def release(self, lease: Lease) -> None:
        with self._writing() as connection:
            turn = locking.take_turn(connection, lease.service, lease.environment)
            locking.release(connection, lease, turn)

    def holder(self, service: str, environment: str) -> Promotion | None:
        with self._reading() as connection:
            return locking.holder(connection, service, environment)

    def queue(self, service: str, environment: str) -> Sequence[Promotion]:
        with self._reading() as connection:
            return locking.queue(connection, service, environment)

    def promotion(self, promotion_id: str) -> Promotion:
        with self._reading() as connection:
            return records.require_promotion(connection, promotion_id)

    def require_empty(self) -> None:
        with self._reading() as connection:
            rebuilding.require_empty(connection, self._place)

    def rebuild(self, rebuilt: Rebuilt) -> None:
        with self._writing() as connection:
            rebuilding.keep_others_out(connection)
            rebuilding.require_empty(connection, self._place)
            rebuilding.fill(connection, rebuilt)

    def _turn_of(self, connection: Connection, promotion_id: str) -> tuple[Promotion, locking.Turn]:
        place = records.require_promotion(connection, promotion_id)
        turn = locking.take_turn(connection, place.service, place.environment)
        # Read again: it may have ended while this transaction waited for its turn.
        return records.require_promotion(connection, promotion_id), turn
