"""A ledger rebuilt from what was signed: everything in one transaction, into an empty one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, insert, select, text

from pratique.clients.ledger.engine import now
from pratique.clients.ledger.records import columns_of, columns_of_release
from pratique.clients.ledger.ruled import columns_of_ruling
from pratique.clients.ledger.tables import locks, promotions, releases, rulings
from pratique.errors import Refused
from pratique.values.rebuilt import Fence, Rebuilt

_TABLES = (releases, promotions, locks, rulings)
"""What is rebuilt. Without a promotion nobody waits, and the inbox is a port of its own."""

_ROWS = 1000
"""So many are inserted at once."""


def require_empty(connection: Connection, place: str) -> None:
    """Return where nothing was ever recorded."""
    if any(connection.execute(select(table).limit(1)).first() is not None for table in _TABLES):
        raise Refused(f"ledger {place} holds something, and is left alone: let ledger.url name a new one")


def keep_others_out(connection: Connection) -> None:
    """Nobody else writes until the transaction ends; in SQLite nobody does anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {', '.join(table.name for table in _TABLES)} IN EXCLUSIVE MODE"))


def fill(connection: Connection, rebuilt: Rebuilt) -> None:
    """Insert all of it; nobody holds a lock afterwards."""
    recorded_at = now(connection)
    _insert(connection, releases, (columns_of_release(stored, recorded_at) for stored in rebuilt.releases))
    _insert(connection, promotions, map(columns_of, rebuilt.promotions))
    _insert(connection, locks, map(_columns_of_lock, rebuilt.fences))
    _insert(connection, rulings, map(columns_of_ruling, rebuilt.rulings))


def _columns_of_lock(fence: Fence) -> dict[str, Any]:
    return {"service": fence.service, "environment": fence.environment, "fence": fence.highest}


def _insert(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    every = list(rows)
    for start in range(0, len(every), _ROWS):
        connection.execute(insert(table), every[start : start + _ROWS])
