"""Transactions on the inbox's database, whose errors are our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from pratique.clients.ledger.errors import translated


class Transactions:
    """One database."""

    def __init__(self, engine: Engine, place: str) -> None:
        self._engine, self._place = engine, place
        self._dialect = engine.dialect.name

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(self._place), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(self._place), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection
