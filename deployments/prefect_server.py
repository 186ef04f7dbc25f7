# ruff: noqa: INP001  # a script, no package
"""`prefect server start …`, guarded; and three things that a SQLite file needs, and PostgreSQL does not.

    python deployments/prefect_server.py server start --port 4200

*Who asks is looked at.* Prefect answers whatever name it is asked by, and any page that asks. Here the Host header must be an
IP address, or one of `PRATIQUE_SERVER_HOSTS` (comma-separated, without ports; absent: none), so that no page reaches it by
a name of its own that was made to lead here; and where a browser says which page asks (Origin), it must be the UI
(`PREFECT_SERVER_CORS_ALLOWED_ORIGINS`). That counts for web sockets, too.

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

import os
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

import uvicorn
from prefect.cli import app
from prefect.server.database import provide_database_interface
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.events.storage import database as storage
from prefect.server.services import task_run_recorder
from prefect.server.utilities.database import get_dialect
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
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


Message = MutableMapping[str, Any]
Receive, Send = Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]


class Guard:
    """An ASGI application before another one, which refuses requests by other names and from other pages."""

    def __init__(self, behind: Any, hosts: Sequence[str], origins: Sequence[str]) -> None:
        self._behind, self._origins = behind, frozenset(origins)
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        fault = self._fault(scope.get("headers", ())) if scope["type"] in {"http", "websocket"} else None
        if fault is None:
            await self._behind(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": fault[1]})
        else:
            status, words = fault
            body = f'{{"detail": "{words}"}}'.encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def _fault(self, headers: Sequence[tuple[bytes, bytes]]) -> tuple[int, str] | None:
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self._is_ours(_without_port(hosts[0].decode("latin-1"))):
            return (
                HTTPStatus.MISDIRECTED_REQUEST,
                "this server does not know that name: use its IP address, or a name of PRATIQUE_SERVER_HOSTS",
            )
        if any(name == b"origin" and value.decode("latin-1") not in self._origins for name, value in headers):
            return HTTPStatus.FORBIDDEN, "no page but the UI may ask this server"
        return None

    def _is_ours(self, name: str) -> bool:
        try:
            ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return name in self._hosts
        # Nobody can make an address lead elsewhere.
        return True


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _guarded(run: Callable[..., None]) -> Callable[..., None]:
    """`uvicorn.run`, with the guard before the application: what the server asks of itself goes past both."""

    def run_guarded(app: Any, **named: Any) -> None:
        hosts, origins = (
            [one for one in os.environ.get(name, "").split(",") if one]
            for name in ("PRATIQUE_SERVER_HOSTS", "PREFECT_SERVER_CORS_ALLOWED_ORIGINS")
        )
        run(app=Guard(app, hosts, origins), **named)

    return run_guarded


TOGETHER, SECONDS = 100, 0.2
"""How many states of tasks are recorded at once at the most, and how long one waits for others."""

if __name__ == "__main__":
    uvicorn.run = _guarded(uvicorn.run)
    if get_dialect(PREFECT_API_DATABASE_CONNECTION_URL.value()).name == "sqlite":
        AioSqliteConfiguration.begin_transaction = _begin_as_writer
        storage._write_sqlite_events = _write_events  # noqa: SLF001  # it has no public name
        recorder = partial(task_run_recorder.consumer, write_batch_size=TOGETHER, flush_every=SECONDS)
        task_run_recorder.consumer = lambda max_persist_retries, **_: recorder(max_persist_retries=max_persist_retries)
    app()
