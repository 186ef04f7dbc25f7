from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import exc

from pratique.clients.ledger import open_ledger, schema
from pratique.clients.ledger.engine import connected
from pratique.clients.ledger.errors import translated
from pratique.errors import Invalid, Refused, Transient
from pratique.settings import LedgerSettings


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "not a database URL"),
        ("ledger.db", "not a database URL"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///file.db?mode=memory&uri=true", "in memory"),
        ("mysql://host/ledger", "no ledger is kept in mysql"),
        ("postgresql://user:hunter2@host:port/ledger", "not a database URL"),
    ],
)
def test_what_is_no_database_is_invalid(url: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refusal, connected(url):
        pass
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.place == "ledger.url"


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgresql_is_always_spoken_to_by_the_same_driver(scheme: str) -> None:
    with connected(f"{scheme}://user@host/ledger") as engine:
        assert engine.url.drivername == "postgresql+psycopg"


def test_who_leaves_first_closes_nobody_elses_connections(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with connected(url) as engine:
        with connected(url) as same:
            assert same is engine
            same.connect().close()
        assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]  # every pool with a queue has it
    assert engine.pool.checkedin() == 0  # type: ignore[attr-defined]


def test_the_folder_of_a_new_ledger_is_made(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "ledger.db"
    with open_ledger(LedgerSettings(url=f"sqlite:///{file}")) as ledger:
        assert list(ledger.history()) == []
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="cannot be made"), connected(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}"):
        pass


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_text("these are notes, and not a database; long enough to be looked at " * 20)
    before = file.read_bytes()
    with pytest.raises(Refused, match="file is not a database"), open_ledger(LedgerSettings(url=f"sqlite:///{file}")):
        pass
    assert file.read_bytes() == before


def test_the_revision_that_is_looked_for_is_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(schema.__file__).with_name("migrations")))
    assert scripts.get_current_head() == schema.HEAD


@pytest.mark.parametrize(
    ("kind", "told", "word"),
    [
        (exc.OperationalError, "database is locked", Transient),
        (exc.OperationalError, "connection failed: Connection refused\n\tIs the server running?", Transient),
        (exc.OperationalError, "FATAL:  the database system is starting up", Transient),
        (exc.OperationalError, "deadlock detected", Transient),
        (exc.OperationalError, "canceling statement due to lock timeout", Transient),
        (exc.InterfaceError, "the connection is closed", Transient),
        (exc.OperationalError, 'FATAL:  password authentication failed for user "pratique"', Refused),
        (exc.OperationalError, 'FATAL:  database "ledger" does not exist', Refused),
        (exc.OperationalError, "attempt to write a readonly database", Refused),
        (exc.OperationalError, "unable to open database file", Refused),
        (exc.ProgrammingError, "permission denied for schema public", Refused),
        (exc.IntegrityError, "UNIQUE constraint failed: promotions.id", Refused),
        (exc.DataError, "value too long for type character varying(40)", Refused),
    ],
)
def test_what_the_database_says_is_one_of_our_words(kind: type[exc.DBAPIError], told: str, word: type[Exception]) -> None:
    statement, values = "INSERT INTO promotions VALUES (:reason)", {"reason": "hunter2"}
    with pytest.raises(word) as failure, translated("sqlite:///ledger.db"):
        raise kind(statement, values, Exception(told))
    message = str(failure.value)
    assert "sqlite:///ledger.db" in message
    assert told.splitlines()[0] in message
    assert "hunter2" not in message
    assert "INSERT" not in message
    assert "\n" not in message


def test_no_free_connection_is_transient() -> None:
    with pytest.raises(Transient, match="no connection became free"), translated("there"):
        raise exc.TimeoutError
