"""The inbox's statements, and its rows as values.

They are built once: SQLAlchemy then keeps each one compiled, which storing hundreds of events in a second lives on.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, Select, and_, exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from pratique.clients.ledger.tables import inbox, lanes
from pratique.values.event import Event, EventState, Forge, InboxEvent
from pratique.values.report import Reported

INSERT_ONCE = {
    # Whichever of its two keys another event has: it is that event, and no row comes back.
    "sqlite": sqlite.insert(inbox).on_conflict_do_nothing().returning(inbox.c.fingerprint),
    "postgresql": postgresql.insert(inbox).on_conflict_do_nothing().returning(inbox.c.fingerprint),
}

_before = inbox.alias("before")
_FIRST_OF_ITS_LANE = ~exists().where(
    and_(_before.c.lane == inbox.c.lane, _before.c.state == EventState.WAITING, _before.c.number < inbox.c.number)
)


def first_due(moment: Any) -> Select[Any]:
    """The oldest event that may be dispatched now: due, first of its lane, and claimed by nobody whose claim still holds."""
    return (
        select(inbox)
        .where(inbox.c.state == EventState.WAITING, or_(inbox.c.due_at.is_(None), inbox.c.due_at <= moment))
        .where(or_(inbox.c.expires_at.is_(None), inbox.c.expires_at <= moment))
        .where(_FIRST_OF_ITS_LANE)
        .order_by(inbox.c.number)
        .limit(1)
    )


def newest(service: str | None, state: EventState | None, limit: int) -> Select[Any]:
    """Events, newest first."""
    query = select(inbox).order_by(inbox.c.number.desc()).limit(limit)
    if service is not None:
        query = query.where(inbox.c.service == service)
    return query if state is None else query.where(inbox.c.state == state)


def first_to_report(moment: Any, forges: Collection[Forge]) -> Select[Any]:
    """The event of these forges that has been due for longest."""
    return (
        select(inbox)
        .where(inbox.c.report_due_at <= moment, inbox.c.forge.in_(forges))
        .order_by(inbox.c.report_due_at, inbox.c.number)
        .limit(1)
    )


UNREPORTED = select(func.count(inbox.c.number)).where(inbox.c.report_due_at.is_not(None), inbox.c.report_problem != "")
BACKLOG = select(func.count(inbox.c.number), func.min(inbox.c.received_at)).where(inbox.c.state == EventState.WAITING)


def _remember_commit(dialect: Any) -> Any:
    added = dialect.insert(lanes)
    newer = {"commit_id": added.excluded.commit_id, "dispatched_at": added.excluded.dispatched_at}
    return added.on_conflict_do_update(index_elements=["lane"], set_=newer)


REMEMBER_COMMIT = {"sqlite": _remember_commit(sqlite), "postgresql": _remember_commit(postgresql)}


def columns_of(event: Event) -> dict[str, Any]:
    """The row of a new event."""
    return {
        "forge": event.forge,
        "delivery": event.delivery,
        "fingerprint": event.fingerprint,
        "lane": event.lane,
        "service": event.service,
        "document": event.model_dump_json(),
        "state": EventState.WAITING,
        "reason": "",
        "received_at": event.received_at,
        "attempts": 0,
        "fence": 0,
        "run": "",
        "run_url": "",
        "commit_id": "",
        "reported_run": "",
        "report_attempts": 0,
        "report_problem": "",
        "report_fence": 0,
        "report_due_at": event.received_at if event.reports else None,
    }


def event_of(row: Row[Any]) -> InboxEvent:
    """The event in a row."""
    return InboxEvent(
        number=row.number,
        event=Event.model_validate_json(row.document),
        state=row.state,
        reason=row.reason,
        attempts=row.attempts,
        due_at=row.due_at,
        run=row.run,
        run_url=row.run_url,
        finished_at=row.finished_at,
        commit=row.commit_id,
        reported=Reported(state=row.reported, run=row.reported_run, attempts=row.report_attempts, problem=row.report_problem),
    )
