"""Releases and promotions: rows to values, values to rows, and the questions asked of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from pratique.clients.ledger.tables import promotions, releases
from pratique.errors import Refused
from pratique.values.asked import Asked
from pratique.values.digest import Digest, canonical_json
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.release import Release, StoredRelease

_LAST_FIRST = (promotions.c.finished_at.desc(), promotions.c.fence.desc())
"""No grant is earlier than the one it replaces, so time and fence order them alike."""


def insert_once(connection: Connection, table: Any, **values: Any) -> None:
    """Insert a row, unless one with the same key is there."""
    # The one that is not used would take longer to import than most questions to answer.
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_into  # noqa: PLC0415
    else:
        from sqlalchemy.dialects.postgresql import insert as insert_into  # type: ignore[assignment]  # noqa: PLC0415
    connection.execute(insert_into(table).values(**values).on_conflict_do_nothing())


def add_release(connection: Connection, stored: StoredRelease, recorded_at: datetime) -> None:
    """Remember a release; one of that digest that is there already is the same."""
    insert_once(connection, releases, **columns_of_release(stored, recorded_at))


def columns_of_release(stored: StoredRelease, recorded_at: datetime) -> dict[str, Any]:
    """A release as a row."""
    document = canonical_json(stored.release.model_dump(mode="json")).decode()
    return {"digest": stored.digest, "service": stored.release.service, "document": document, "recorded_at": recorded_at}


def newest_releases(service: str | None, limit: int) -> Select[Any]:
    """The newest first, of a service or of all."""
    query = select(releases).order_by(releases.c.number.desc()).limit(limit)
    return query if service is None else query.where(releases.c.service == service)


def release_of(row: Row[Any]) -> StoredRelease:
    """The release in a row."""
    return StoredRelease(digest=row.digest, release=Release.model_validate_json(row.document))


def add_promotion(connection: Connection, promotion: Promotion) -> None:
    """Record a promotion that starts; the same one again is harmless."""
    present = find_promotion(connection, promotion.id)
    if present is None:
        connection.execute(insert(promotions).values(columns_of(promotion)))
        return
    fixed = {"kind", "service", "environment", "release", "commit"}
    if present.model_dump(include=fixed) != promotion.model_dump(include=fixed):
        raise Refused(f"promotion {promotion.id} is on record as another one: begin each with an id of its own")


def find_promotion(connection: Connection, promotion_id: str) -> Promotion | None:
    """The promotion of that id, or None."""
    return first_promotion(connection, select(promotions).where(promotions.c.id == promotion_id))


def require_promotion(connection: Connection, promotion_id: str) -> Promotion:
    """The promotion of that id; refused where there is none."""
    found = find_promotion(connection, promotion_id)
    if found is None:
        raise Refused(f"no promotion {promotion_id} is on record: `pratique history` lists those that are")
    return found


def first_promotion(connection: Connection, query: Select[Any]) -> Promotion | None:
    """The first that a query finds, or None."""
    row = connection.execute(query.limit(1)).first()
    return None if row is None else promotion_of(row)


def end_promotion(
    connection: Connection,
    promotion: Promotion,
    state: PromotionState,
    at: datetime,
    *,
    reason: str = "",
    address: str = "",
    evidence: Digest | None = None,
) -> Promotion:
    """Record its ending; a reason or an address that is not given stays as it is."""
    ending = {"state": state, "finished_at": at, "reason": reason or promotion.reason, "address": address or promotion.address}
    ending |= {"evidence": evidence}
    connection.execute(update(promotions).where(promotions.c.id == promotion.id).values(ending))
    return promotion.model_copy(update=ending)


def history(service: str | None, environment: str | None, limit: int) -> Select[Any]:
    """Promotions, newest first."""
    query = select(promotions).order_by(promotions.c.number.desc()).limit(limit)
    if service is not None:
        query = query.where(promotions.c.service == service)
    return query if environment is None else query.where(promotions.c.environment == environment)


def grants(service: str, environment: str, release: str | None = None) -> Select[Any]:
    """Grants, the last one first."""
    query = _granted(service, environment).order_by(promotions.c.fence.desc())
    return query if release is None else query.where(promotions.c.release == release)


def granted_by(service: str, environment: str, at: datetime) -> Select[Any]:
    """Grants that were made by then, the last one first."""
    return _granted(service, environment).where(promotions.c.finished_at <= at).order_by(*_LAST_FIRST)


def granted_after(grant: Promotion) -> Select[Any]:
    """Grants by other evidence that came after this one, the first one first."""
    later = (promotions.c.finished_at >= grant.finished_at) & (promotions.c.fence > grant.fence)
    other = promotions.c.evidence.is_(None) | (promotions.c.evidence != grant.evidence)
    query = _granted(grant.service, grant.environment).where(later, other)
    return query.order_by(promotions.c.finished_at, promotions.c.fence)


def promotion_of(row: Row[Any]) -> Promotion:
    """The promotion in a row."""
    columns = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's documented name for it
    del columns["number"]
    columns["commit"] = columns.pop("commit_id")
    columns["asked"] = None if columns["asked"] is None else Asked.model_validate_json(columns["asked"])
    return Promotion.model_validate(columns)


def _granted(service: str, environment: str) -> Select[Any]:
    return (
        select(promotions)
        .where(promotions.c.service == service, promotions.c.environment == environment)
        .where(promotions.c.state == PromotionState.GRANTED)
    )


def columns_of(promotion: Promotion) -> dict[str, Any]:
    """A promotion as a row."""
    columns = promotion.model_dump()
    columns["commit_id"] = columns.pop("commit")
    columns["asked"] = asked_column(promotion.asked)
    return columns


def asked_column(asked: Asked | None) -> str | None:
    """What people are asked, as it stands in a row."""
    return None if asked is None else asked.model_dump_json()
