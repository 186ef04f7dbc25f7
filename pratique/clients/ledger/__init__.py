"""The ledger: promotions, locks and history, in SQLite or PostgreSQL.

>>> with open_ledger(settings.ledger) as ledger:  # doctest: +SKIP
...     ledger.granted("hello", "prod")
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from pratique.clients.ledger.ledger import SqlLedger
from pratique.clients.ports import Ledger
from pratique.settings import LedgerSettings

__all__ = ["open_ledger"]


def open_ledger(settings: LedgerSettings) -> AbstractContextManager[Ledger]:
    """The ledger, in the database that the settings name."""
    return SqlLedger.opened(settings)
