"""Connections to the ledger's database: SQLite or PostgreSQL, each set up to be safe with many writers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from pratique.clients.ledger.errors import translated
from pratique.errors import Invalid, Refused

PATIENCE = 10
"""Seconds that a statement waits for others' locks, or for a connection."""

_REMEDY = "write sqlite:///FILE or postgresql://USER@HOST/DATABASE"


_users: Counter[Engine] = Counter()
_counting = Lock()


@contextmanager
def connected(text_of_url: str) -> Iterator[Engine]:
    """An engine whose connections are opened as they are needed, and closed once nobody uses it any more.

    It is the same one for the same URL: it remembers what it has compiled, which takes longer than most questions.
    """
    engine = _connected(text_of_url, PATIENCE)
    with _counting:
        _users[engine] += 1
    try:
        yield engine
    finally:
        with _counting:
            _users[engine] -= 1
            # Not earlier: a connection that another thread has in use would be dropped instead of closed.
            if not _users[engine]:
                del _users[engine]
                engine.dispose()


@lru_cache(maxsize=16)
def _connected(text_of_url: str, patience: float) -> Engine:
    try:
        url = make_url(text_of_url)
    except (ArgumentError, ValueError):
        raise Invalid("ledger.url", "not a database URL", _REMEDY) from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _sqlite(url, patience)
    if backend in ("postgresql", "postgres"):
        return _postgresql(url.set(drivername="postgresql+psycopg"), patience)
    raise Invalid("ledger.url", f"no ledger is kept in {backend}", _REMEDY)


def now(connection: Connection) -> datetime:
    """The database's own clock: the one clock that all who compete for a lock share."""
    if connection.dialect.name == "sqlite":
        told = connection.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")).scalar_one()
        return datetime.fromisoformat(told).replace(tzinfo=UTC)
    # Not now(): that is when the transaction began, which may have waited for a lock since.
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)


def _sqlite(url: URL, patience: float) -> Engine:
    if not url.database or url.database == ":memory:" or url.query:
        raise Invalid("ledger.url", "a ledger in memory would be forgotten", "write sqlite:///FILE, without options")
    folder = Path(url.database).parent
    _make(folder)
    engine = create_engine(url.set(drivername="sqlite"), connect_args={"timeout": patience}, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def make_again(*_: object) -> None:
        # The engine is remembered, and may outlive its folder.
        _make(folder)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        # The driver would begin transactions by itself, and too late: `begin` below does.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        # A fence must never be given twice, not even after the power went.
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes its turn at the start. One that began by reading could only fail when it came to write.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"the ledger's folder {folder} cannot be made: {error.strerror}") from None


def _postgresql(url: URL, patience: float) -> Engine:
    limits = f"-c lock_timeout={patience}s -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"
    arguments = {"connect_timeout": patience, "application_name": "pratique", "options": limits}
    with translated(url.render_as_string(hide_password=True)):
        return create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_timeout=patience, hide_parameters=True)
