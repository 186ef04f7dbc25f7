"""The lock of an environment and the queue before it.

Whoever writes anything of an environment first takes the row of its lock, so that all writers of one environment
come one after the other, in one order, on either database: nothing is decided on what another is about to change,
and no two wait for each other. The clock is the database's, and is read once that turn has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from pratique.clients.ledger.engine import now
from pratique.clients.ledger.records import end_promotion, find_promotion, insert_once, promotion_of
from pratique.clients.ledger.superseding import leave_the_newest
from pratique.clients.ledger.tables import locks, promotions, waiting
from pratique.errors import FenceLost, Refused
from pratique.values.lease import Lease
from pratique.values.promotion import Promotion, PromotionState

PLACES_KEPT = 2
"""A place in the queue is safe for so many lease durations without being asked for again; then it may be passed over."""


class Turn(NamedTuple):
    """The lock's row, kept from others until the transaction ends, and the time."""

    lock: Row[Any]
    now: datetime


def add_lock(connection: Connection, service: str, environment: str) -> None:
    """Let there be a lock; it has fence 0 until it is first taken."""
    insert_once(connection, locks, service=service, environment=environment, fence=0)


def take_turn(connection: Connection, service: str, environment: str) -> Turn:
    """Wait until no other writer is at work in this environment."""
    query = select(locks).where(locks.c.service == service, locks.c.environment == environment)
    # SQLite has no FOR UPDATE and needs none: there, one transaction writes at a time.
    lock = connection.execute(query.with_for_update()).one_or_none()
    if lock is None:
        raise Refused(f"{service} has no lock in {environment}: begin a promotion there first")
    return Turn(lock, now(connection))


def acquire(
    connection: Connection, promotion: Promotion, turn: Turn, duration: timedelta, *, newest_only: bool
) -> Lease | None:
    """The lock under a new fence, or None and a place in the queue, unless it has been superseded there."""
    if promotion.state is PromotionState.SUPERSEDED:
        raise Refused(promotion.reason)
    if promotion.state is not PromotionState.RUNNING:
        raise Refused(f"promotion {promotion.id} has ended ({promotion.state}): begin another one")
    mine = turn.lock.holder == promotion.id
    if not mine:
        _keep_place(connection, promotion, turn.now, duration)
        if newest_only and promotion.kind == "promote":
            leave_the_newest(connection, promotion, turn.now)
            if not _has_place(connection, promotion):
                return None
        ahead = _ahead_in_queue(connection, promotion)
        if _is_held(turn) or any(place.expires_at > turn.now for place in ahead):
            return None
        if turn.lock.holder is not None:
            _abandon(connection, turn, turn.lock.holder, f"its lease ran out, and promotion {promotion.id} took the lock over")
        for place in ahead:
            reason = f"it stopped asking for the lock, and promotion {promotion.id}, which came later, took it"
            _abandon(connection, turn, place.promotion, reason)
    _leave_queue(connection, promotion.id)
    lease = Lease(
        service=promotion.service,
        environment=promotion.environment,
        holder=promotion.id,
        fence=turn.lock.fence + 1,
        expires_at=turn.now + duration,
    )
    _write(connection, lease)
    connection.execute(update(promotions).where(promotions.c.id == promotion.id).values(fence=lease.fence))
    return lease


def renew(connection: Connection, lease: Lease, turn: Turn, duration: timedelta) -> Lease:
    """The lease, longer. One that has run out is given anew as long as nobody has taken over."""
    require_newest(lease, turn)
    longer = lease.model_copy(update={"expires_at": turn.now + duration})
    _write(connection, longer)
    return longer


def release(connection: Connection, lease: Lease, turn: Turn) -> None:
    """Give the lock back, if it is still this lease's; the fence stays."""
    if _is_newest(lease, turn):
        _free(connection, turn)


def require_newest(lease: Lease, turn: Turn) -> None:
    """Refuse with `FenceLost` where somebody else has taken the lock over, or it was given back."""
    if not _is_newest(lease, turn):
        place = f"{lease.service} in {lease.environment}"
        raise FenceLost(f"the lock of {place} is no longer held under fence {lease.fence}: the newest is {turn.lock.fence}")


def holder(connection: Connection, service: str, environment: str) -> Promotion | None:
    """The promotion that holds the lock now."""
    query = (
        select(promotions)
        .join(locks, locks.c.holder == promotions.c.id)
        .where(locks.c.service == service, locks.c.environment == environment)
        .where(locks.c.expires_at > now(connection))
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else promotion_of(row)


def queue(connection: Connection, service: str, environment: str) -> Sequence[Promotion]:
    """Who waits, first come first."""
    query = (
        select(promotions)
        .join(waiting, waiting.c.promotion == promotions.c.id)
        .where(waiting.c.service == service, waiting.c.environment == environment)
        .where(waiting.c.expires_at > now(connection))
        .order_by(waiting.c.number)
    )
    return [promotion_of(row) for row in connection.execute(query)]


def leave(connection: Connection, promotion_id: str, turn: Turn) -> None:
    """Neither wait for the lock nor hold it any longer."""
    _leave_queue(connection, promotion_id)
    if turn.lock.holder == promotion_id:
        _free(connection, turn)


def _keep_place(connection: Connection, promotion: Promotion, at: datetime, duration: timedelta) -> None:
    expires_at = at + PLACES_KEPT * duration
    kept = connection.execute(update(waiting).where(waiting.c.promotion == promotion.id).values(expires_at=expires_at))
    if kept.rowcount == 0:
        place = {"service": promotion.service, "environment": promotion.environment, "expires_at": expires_at}
        connection.execute(insert(waiting).values(promotion=promotion.id, **place))


def _leave_queue(connection: Connection, promotion_id: str) -> None:
    connection.execute(delete(waiting).where(waiting.c.promotion == promotion_id))


def _has_place(connection: Connection, promotion: Promotion) -> bool:
    return connection.execute(select(waiting.c.number).where(waiting.c.promotion == promotion.id)).first() is not None


def _ahead_in_queue(connection: Connection, promotion: Promotion) -> Sequence[Row[Any]]:
    """The places of those who came before, whether or not they still ask."""
    here = (waiting.c.service == promotion.service, waiting.c.environment == promotion.environment)
    mine = select(waiting.c.number).where(waiting.c.promotion == promotion.id).scalar_subquery()
    return connection.execute(select(waiting).where(*here, waiting.c.number < mine)).all()


def _abandon(connection: Connection, turn: Turn, promotion_id: str, reason: str) -> None:
    _leave_queue(connection, promotion_id)
    dead = find_promotion(connection, promotion_id)
    if dead is not None and dead.state is PromotionState.RUNNING:
        end_promotion(connection, dead, PromotionState.ABANDONED, turn.now, reason=reason)


def _write(connection: Connection, lease: Lease) -> None:
    where = (locks.c.service == lease.service, locks.c.environment == lease.environment)
    taken = {"fence": lease.fence, "holder": lease.holder, "expires_at": lease.expires_at}
    connection.execute(update(locks).where(*where).values(taken))


def _free(connection: Connection, turn: Turn) -> None:
    where = (locks.c.service == turn.lock.service, locks.c.environment == turn.lock.environment)
    connection.execute(update(locks).where(*where).values(holder=None, expires_at=None))


def _is_held(turn: Turn) -> bool:
    return turn.lock.holder is not None and turn.lock.expires_at > turn.now


def _is_newest(lease: Lease, turn: Turn) -> bool:
    return bool(turn.lock.fence == lease.fence and turn.lock.holder == lease.holder)
