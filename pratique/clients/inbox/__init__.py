"""The inbox of events, in the ledger's database.

>>> with open_inbox(settings.ledger) as inbox:  # doctest: +SKIP
...     inbox.backlog()
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from pratique.clients.inbox.inbox import SqlInbox
from pratique.clients.ports.inbox import Inbox
from pratique.settings import LedgerSettings

__all__ = ["open_inbox"]


def open_inbox(settings: LedgerSettings) -> AbstractContextManager[Inbox]:
    """The inbox, in the database that the settings name."""
    return SqlInbox.opened(settings)
