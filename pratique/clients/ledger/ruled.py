"""Rulings: rows to values, values to rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, select

from pratique.clients.ledger.records import insert_once
from pratique.clients.ledger.tables import rulings
from pratique.values.ruling import Revoke, SignedRuling


def add_ruling(connection: Connection, signed: SignedRuling) -> None:
    """Remember a ruling; one in the same bundle that is there already is the same."""
    ruling = signed.ruling
    insert_once(
        connection,
        rulings,
        bundle=signed.bundle,
        kind=ruling.kind,
        service=ruling.service,
        environment="" if isinstance(ruling, Revoke) else ruling.environment,
        release=ruling.release,
        made_at=ruling.made_at,
        document=signed.model_dump_json(),
    )


def newest_rulings(service: str, environment: str | None, limit: int) -> Select[Any]:
    """The documents, newest first: of an environment, with those that concern every one, or of all."""
    query = select(rulings.c.document).where(rulings.c.service == service).order_by(rulings.c.number.desc()).limit(limit)
    return query if environment is None else query.where(rulings.c.environment.in_(["", environment]))
