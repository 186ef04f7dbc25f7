"""The inbox of events, in the ledger's database.

>>> with open_inbox(settings.ledger) as inbox:  # doctest: +SKIP
...     inbox.backlog()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pratique.clients.inbox.inbox import SqlInbox
from pratique.clients.ledger.engine import connect
from pratique.clients.ledger.errors import translated
from pratique.clients.ledger.schema import bring_up_to_date
from pratique.clients.ports.inbox import Inbox
from pratique.settings import LedgerSettings

__all__ = ["open_inbox"]


@contextmanager
def open_inbox(settings: LedgerSettings) -> Iterator[Inbox]:
    """The inbox, the ledger's schema brought up to date; may be used by several threads at once."""
    engine = connect(settings.url)
    place = engine.url.render_as_string(hide_password=True)
    try:
        with translated(place):
            bring_up_to_date(engine, place)
        yield SqlInbox(engine, place)
    finally:
        engine.dispose()
