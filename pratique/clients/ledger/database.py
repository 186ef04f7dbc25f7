"""The ledger's database: opened, its schema brought up to date, and used in transactions whose errors are our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from sqlalchemy import Connection, Engine

from pratique.clients.ledger.engine import connected
from pratique.clients.ledger.errors import translated
from pratique.clients.ledger.schema import bring_up_to_date
from pratique.settings import LedgerSettings


class Database:
    """What the ports on one database have in common; each of their methods is one transaction."""

    def __init__(self, engine: Engine, place: str) -> None:
        self._engine, self._place = engine, place
        self._dialect = engine.dialect.name

    @classmethod
    @contextmanager
    def opened(cls, settings: LedgerSettings) -> Iterator[Self]:
        """It, its schema brought up to date; may be used by several threads at once."""
        with connected(settings.url) as engine:
            place = engine.url.render_as_string(hide_password=True)
            with translated(place):
                bring_up_to_date(engine, place)
            yield cls(engine, place)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(self._place), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(self._place), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection
