# ruff: noqa: INP001  # a script, no package
"""`prefect server start …` for the local stack, whose SQLite file is written by one transaction after the other.

    python deployments/prefect_server.py server start --port 4200

Prefect 3.8 begins a transaction as a reader (`BEGIN DEFERRED`). Of two that then come to write, SQLite fails one at once,
however long it would have waited for a lock ("if some other connection has already modified the database",
sqlite.org/lang_transaction.html): the server answers 503, and whoever asked sleeps for seconds before asking again.
Begun as writers, they wait for each other for the milliseconds that it takes. PostgreSQL needs none of this.
"""

from __future__ import annotations

from typing import Any

from prefect.cli import app
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.ext.asyncio import AsyncSession

_begin = AioSqliteConfiguration.begin_transaction


def _begin_as_writer(
    self: AioSqliteConfiguration,
    session: AsyncSession,
    with_for_update: bool = False,  # noqa: FBT001, FBT002  # Prefect's signature
) -> Any:
    del with_for_update
    return _begin(self, session, with_for_update=True)


if __name__ == "__main__":
    AioSqliteConfiguration.begin_transaction = _begin_as_writer
    app()
