"""The ledger's schema, brought up to date when the ledger is opened."""

from __future__ import annotations

import sqlite3
import time

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

from pratique.clients.ledger.engine import PATIENCE
from pratique.errors import Refused

HEAD = "0006"
"""The newest revision; a test compares it with the migrations, so that opening a ledger need not load them."""

_ADVISORY_LOCK = 0x70726174
"""Of PostgreSQL: whoever migrates holds it. The number says `prat`."""


def bring_up_to_date(engine: Engine, place: str) -> None:
    """Apply what is missing, one process at a time; refused where the ledger is newer than this version of us."""
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    if engine.dialect.name == "sqlite":
        _keep_a_write_ahead_log(engine)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        # Looked at again: another process may have done it while this one waited for its turn.
        if _revision(connection) != HEAD:
            _upgrade(connection, place)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _upgrade(connection: Connection, place: str) -> None:
    # Loaded here only: it takes longer than all that an up-to-date ledger needs.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "pratique.clients.ledger:migrations")
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    present = _revision(connection)
    if present is not None and present not in known:
        raise Refused(f"ledger {place} is of revision {present}, which this version does not know: install a newer pratique")
    command.upgrade(config, HEAD)


def _keep_a_write_ahead_log(engine: Engine) -> None:
    """Readers and a writer then do not wait for each other; the file remembers it."""
    end = time.monotonic() + PATIENCE
    while True:
        connection = engine.raw_connection()
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself here while another process that opens the ledger does the same.
            if time.monotonic() > end:
                raise OperationalError("PRAGMA journal_mode = WAL", {}, error) from None
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()
