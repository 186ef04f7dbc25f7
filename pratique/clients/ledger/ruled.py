"""Rulings: rows to values, values to rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, union_all

from pratique.clients.ledger.records import insert_once
from pratique.clients.ledger.tables import rulings
from pratique.values.ruling import Revoke, SignedRuling


def add_ruling(connection: Connection, signed: SignedRuling) -> None:
    """Remember a ruling; one in the same bundle that is there already is the same."""
    insert_once(connection, rulings, **columns_of_ruling(signed))


def columns_of_ruling(signed: SignedRuling) -> dict[str, Any]:
    """A ruling as a row."""
    ruling = signed.ruling
    return {
        "bundle": signed.bundle,
        "kind": ruling.kind,
        "service": ruling.service,
        "environment": "" if isinstance(ruling, Revoke) else ruling.environment,
        "release": ruling.release,
        "made_at": ruling.made_at,
        "document": signed.model_dump_json(),
    }


def newest_rulings(
    service: str, environment: str | None, limit: int, kinds: Collection[str] = (), until: datetime | None = None
) -> Select[Any]:
    """The documents, newest first: of an environment, with those that concern every one, or of all."""
    # Each by itself, from its index: in one question, all that there are would be sorted.
    places: list[str | None] = [None] if environment is None else ["", environment]
    each_kind: list[str | None] = [*sorted(kinds)] or [None]
    asked = (_newest(service, place, limit, kind, until) for place in places for kind in each_kind)
    both = union_all(*(select(part.subquery()) for part in asked)).subquery()
    return select(both.c.document).order_by(both.c.number.desc()).limit(limit)


def _newest(service: str, environment: str | None, limit: int, kind: str | None, until: datetime | None) -> Select[Any]:
    query = select(rulings.c.number, rulings.c.document).where(rulings.c.service == service)
    if environment is not None:
        query = query.where(rulings.c.environment == environment)
    if kind is not None:
        query = query.where(rulings.c.kind == kind)
    if until is not None:
        query = query.where(rulings.c.made_at <= until)
    return query.order_by(rulings.c.number.desc()).limit(limit)
