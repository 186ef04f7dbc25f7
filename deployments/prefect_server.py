# ruff: noqa: INP001  # a script, no package
"""`prefect server start …` for the local stack: three things that its SQLite file needs, and PostgreSQL does not.

    python deployments/prefect_server.py server start --port 4200

*Writers take turns.* Prefect 3.8 begins a transaction as a reader (`BEGIN DEFERRED`). Of two that then come to write, SQLite
fails one at once, however long it would have waited for a lock ("if some other connection has already modified the
database", sqlite.org/lang_transaction.html): the server answers 503, and whoever asked sleeps for seconds before asking again.
Begun as writers, they wait for each other for the milliseconds that it takes.

*Events are written by a statement that is compiled once.* Prefect 3.8 puts all rows of a batch into one `INSERT … VALUES`,
which SQLAlchemy compiles anew for each number of rows. A delivery has some 1,500 rows of events.

*States of tasks are recorded together.* Prefect 3.8 records each of the three states of a task in a transaction of its own, and
its setting for more (`…_TASK_RUN_RECORDER_FLUSH_INTERVAL`) counts in whole seconds. Here it is a fifth of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from prefect.cli import app
from prefect.server.database import provide_database_interface
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.events.storage import database as storage
from prefect.server.services import task_run_recorder
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

_begin = AioSqliteConfiguration.begin_transaction


def _begin_as_writer(
    self: AioSqliteConfiguration,
    session: AsyncSession,
    with_for_update: bool = False,  # noqa: FBT001, FBT002  # Prefect's signature
) -> Any:
    del with_for_update
    return _begin(self, session, with_for_update=True)


async def _write_events(session: AsyncSession, events: Sequence[ReceivedEvent]) -> None:
    """As Prefect's own: an event that is there already is left as it is, with its resources."""
    tables = provide_database_interface()
    present = tables.Event.__table__.c.id
    known = set(await session.scalars(select(present).where(present.in_({event.id for event in events}))))
    new = list({event.id: event for event in events if event.id not in known}.values())
    if not new:
        return
    connection = await session.connection()
    await connection.execute(insert(tables.Event.__table__), [event.as_database_row() for event in new])
    resources = [row for event in new for row in event.as_database_resource_rows()]
    await connection.execute(insert(tables.EventResource.__table__), resources)


TOGETHER, SECONDS = 100, 0.2
"""How many states of tasks are recorded at once at the most, and how long one waits for others."""

if __name__ == "__main__":
    AioSqliteConfiguration.begin_transaction = _begin_as_writer
    storage._write_sqlite_events = _write_events  # noqa: SLF001  # it has no public name
    recorder = partial(task_run_recorder.consumer, write_batch_size=TOGETHER, flush_every=SECONDS)
    task_run_recorder.consumer = lambda max_persist_retries, **_: recorder(max_persist_retries=max_persist_retries)
    app()
