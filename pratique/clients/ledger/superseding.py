"""Promotions that a newer release makes needless: ended as superseded, each with the promotion that took its place.

Newer is the release that came on record later, which is the order in which releases were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select, update

from pratique.clients.ledger.records import asked_column, end_promotion, promotion_of
from pratique.clients.ledger.tables import promotions, releases, waiting
from pratique.values.asked import Asked
from pratique.values.promotion import Promotion, PromotionState

Place = tuple[str, str]
"""Service and environment."""


def release_order(service: str) -> Select[Any]:
    """The digests of a service's releases, oldest first."""
    return select(releases.c.digest).where(releases.c.service == service).order_by(releases.c.number)


def waiting_promotions(service: str | None = None, environment: str | None = None) -> Select[Any]:
    """Promotions that wait for their time, oldest first."""
    query = select(promotions).where(promotions.c.state == PromotionState.WAITING).order_by(promotions.c.number)
    if service is not None:
        query = query.where(promotions.c.service == service)
    return query if environment is None else query.where(promotions.c.environment == environment)


def let_wait(
    connection: Connection, promotion: Promotion, at: datetime, *, reason: str, until: datetime | None, asked: Asked | None
) -> Promotion:
    """Record that it waits, in the place of older ones; where a newer one waits already, that one supersedes it."""
    newer = [
        other for other in _waiting_beside(connection, promotion) if _number(connection, other) > _number(connection, promotion)
    ]
    if newer:
        return _supersede(connection, promotion, newer[-1], at, "waits already")
    supersede_waiting(connection, promotion, at, "waits now")
    change = {"state": PromotionState.WAITING, "reason": reason, "waits_until": until, "asked": asked}
    row = change | {"asked": asked_column(asked)}
    connection.execute(update(promotions).where(promotions.c.id == promotion.id).values(row))
    return promotion.model_copy(update=change)


def go_on(connection: Connection, promotion: Promotion) -> Promotion:
    """Record that one that waited runs again: it has no reason to wait any more; what it was asked about stays on record."""
    change = {"state": PromotionState.RUNNING, "reason": "", "waits_until": None}
    connection.execute(update(promotions).where(promotions.c.id == promotion.id).values(change))
    return promotion.model_copy(update=change)


def supersede_waiting(connection: Connection, by: Promotion, at: datetime, what: str) -> None:
    """End what waits in the same environment, of the same release or an older one; `what` says what `by` does."""
    for other in _waiting_beside(connection, by):
        if _number(connection, other) <= _number(connection, by):
            _supersede(connection, other, by, at, what)


def supersede_same(connection: Connection, by: Promotion, at: datetime) -> None:
    """End what waits in the same environment to bring the very same release."""
    for other in _waiting_beside(connection, by):
        if other.release == by.release:
            _supersede(connection, other, by, at, "goes on with it")


def supersede_older(connection: Connection, place: Place, release: str, at: datetime, reason: str) -> Sequence[Promotion]:
    """End what waits in a place to bring an older release than this one."""
    newest = _number_of(connection, release)
    rows = connection.execute(waiting_promotions(*place))
    older = [one for one in map(promotion_of, rows) if _number(connection, one) < newest]
    return [end_promotion(connection, one, PromotionState.SUPERSEDED, at, reason=reason) for one in older]


def leave_the_newest(connection: Connection, promotion: Promotion, at: datetime) -> None:
    """Of the promotions that ask for the same lock, end all but those of the newest release; rollbacks stay as they are."""
    query = (
        select(promotions)
        .join(waiting, waiting.c.promotion == promotions.c.id)
        .where(waiting.c.service == promotion.service, waiting.c.environment == promotion.environment)
        .where(promotions.c.kind == "promote", promotions.c.state == PromotionState.RUNNING)
        # One that has stopped asking is no reason to end one that still asks.
        .where(waiting.c.expires_at > at)
        .order_by(waiting.c.number)
    )
    asking = [(_number(connection, one), one) for one in map(promotion_of, connection.execute(query).all())]
    if not asking:
        return
    most, newest = max(asking, key=lambda one: one[0])
    for number, one in asking:
        if number < most:
            connection.execute(delete(waiting).where(waiting.c.promotion == one.id))
            _supersede(connection, one, newest, at, "waits for the same lock")


def _supersede(connection: Connection, one: Promotion, by: Promotion, at: datetime, what: str) -> Promotion:
    which = "the same release" if one.release == by.release else f"commit {by.commit[:12]}, whose release is newer,"
    reason = f"superseded by promotion {by.id}: it brings {which} and {what}"
    return end_promotion(connection, one, PromotionState.SUPERSEDED, at, reason=reason)


def _waiting_beside(connection: Connection, promotion: Promotion) -> list[Promotion]:
    rows = connection.execute(waiting_promotions(promotion.service, promotion.environment))
    return [other for other in map(promotion_of, rows) if other.id != promotion.id]


def _number(connection: Connection, promotion: Promotion) -> int:
    return _number_of(connection, promotion.release)


def _number_of(connection: Connection, release: str) -> int:
    """When the release came on record, among all; 0 for one that is not."""
    query = select(func.coalesce(func.max(releases.c.number), 0)).where(releases.c.digest == release)
    return int(connection.execute(query).scalar_one())
