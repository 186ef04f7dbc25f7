"""The ledger: promotions, locks and history, in SQLite or PostgreSQL.

>>> with open_ledger(settings.ledger) as ledger:  # doctest: +SKIP
...     ledger.granted("hello", "prod")
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pratique.clients.ledger.engine import connect
from pratique.clients.ledger.errors import translated
from pratique.clients.ledger.ledger import SqlLedger
from pratique.clients.ledger.schema import bring_up_to_date
from pratique.clients.ports import Ledger
from pratique.settings import LedgerSettings

__all__ = ["open_ledger"]


@contextmanager
def open_ledger(settings: LedgerSettings) -> Iterator[Ledger]:
    """The ledger, its schema brought up to date; may be used by several threads at once."""
    engine = connect(settings.url)
    place = engine.url.render_as_string(hide_password=True)
    try:
        with translated(place):
            bring_up_to_date(engine, place)
        yield SqlLedger(engine, place)
    finally:
        engine.dispose()
