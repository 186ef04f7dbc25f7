"""The inbox in SQL: each method is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, update

from pratique.clients.inbox import queries
from pratique.clients.inbox.reporting import SqlReports
from pratique.clients.ledger.engine import now
from pratique.clients.ledger.tables import inbox, lanes
from pratique.errors import FenceLost, Refused
from pratique.values.event import Backlog, Claim, Event, EventState, InboxEvent

_AT_ONCE = 5
"""How often claiming looks again where another dispatcher was faster."""


class SqlInbox(SqlReports):
    """The inbox in one database; use `open_inbox`."""

    def store(self, events: Sequence[Event]) -> Sequence[bool]:
        if not events:
            return []
        with self._writing() as connection:
            rows = connection.execute(queries.INSERT_ONCE[self._dialect], [queries.columns_of(event) for event in events])
            new = set(rows.scalars())
        answers = []
        for event in events:
            answers.append(event.fingerprint in new)
            # Of an event that is there twice the first one is new.
            new.discard(event.fingerprint)
        return answers

    def claim(self, holder: str, duration: timedelta) -> Claim | None:
        for _ in range(_AT_ONCE):
            # Looked for before anything is locked: where nothing waits, asking every second must not hinder whoever stores.
            with self._reading() as connection:
                row = connection.execute(queries.first_due(now(connection))).first()
            if row is None:
                return None
            with self._writing() as connection:
                expires_at = now(connection) + duration
                taken = {"holder": holder, "fence": row.fence + 1, "expires_at": expires_at}
                # The fence is counted up by each claim, and nothing else: whoever finds the one that was read has the turn.
                mine = (inbox.c.number == row.number, inbox.c.fence == row.fence, inbox.c.state == EventState.WAITING)
                if connection.execute(update(inbox).where(*mine).values(taken)).rowcount:
                    return Claim(held=queries.event_of(row), holder=holder, fence=row.fence + 1, expires_at=expires_at)
        return None

    def finish(
        self, claim: Claim, state: EventState, *, reason: str = "", commit: str = "", run: str = "", run_url: str = ""
    ) -> None:
        if state is EventState.WAITING:
            raise Refused(f"event {claim.held.number} cannot end as {state}: postpone it")
        with self._writing() as connection:
            moment = now(connection)
            self._give_back(
                connection,
                claim,
                {"state": state, "reason": reason, "commit_id": commit, "run": run, "run_url": run_url, "finished_at": moment}
                | _due_to_be_told(claim.held.event, moment),
            )
            if commit and state is EventState.STARTED:
                values = {"lane": claim.held.event.lane, "commit_id": commit, "dispatched_at": moment}
                connection.execute(queries.REMEMBER_COMMIT[self._dialect], values)

    def postpone(self, claim: Claim, pause: timedelta, reason: str) -> None:
        with self._writing() as connection:
            self._give_back(connection, claim, {"due_at": now(connection) + pause, "reason": reason})

    def dispatched(self, event: Event) -> str | None:
        with self._reading() as connection:
            return connection.execute(select(lanes.c.commit_id).where(lanes.c.lane == event.lane)).scalar_one_or_none()

    def again(self, number: int) -> InboxEvent:
        anew = {"state": EventState.WAITING, "reason": "", "due_at": None, "finished_at": None, "attempts": 0}
        refused = (inbox.c.number == number, inbox.c.state == EventState.REFUSED)
        with self._writing() as connection:
            if not connection.execute(update(inbox).where(*refused).values(anew)).rowcount:
                raise Refused(f"no refused event {number} is in the inbox: `pratique events` lists what is")
            waiting = queries.event_of(connection.execute(select(inbox).where(inbox.c.number == number)).one())
            if told := _due_to_be_told(waiting.event, now(connection)):
                connection.execute(update(inbox).where(inbox.c.number == number).values(told))
            return waiting

    def events(self, service: str | None = None, state: EventState | None = None, limit: int = 50) -> Sequence[InboxEvent]:
        with self._reading() as connection:
            return [queries.event_of(row) for row in connection.execute(queries.newest(service, state, limit))]

    def backlog(self) -> Backlog:
        with self._reading() as connection:
            waiting, oldest = connection.execute(queries.BACKLOG).one()
            unreported = connection.execute(queries.UNREPORTED).scalar_one()
        return Backlog(waiting=waiting, oldest=oldest, unreported=unreported)

    def forget(self, before: datetime) -> int:
        with self._writing() as connection:
            ended = (inbox.c.finished_at < before, inbox.c.state != EventState.WAITING)
            return connection.execute(delete(inbox).where(*ended)).rowcount

    def _give_back(self, connection: Connection, claim: Claim, values: dict[str, Any]) -> None:
        number = claim.held.number
        held = (inbox.c.number == number, inbox.c.fence == claim.fence, inbox.c.state == EventState.WAITING)
        ending = {"attempts": inbox.c.attempts + 1, "holder": None, "expires_at": None, **values}
        if not connection.execute(update(inbox).where(*held).values(ending)).rowcount:
            raise FenceLost(f"event {number} is no longer {claim.holder}'s to dispatch: another dispatcher has taken it over")


def _due_to_be_told(event: Event, moment: datetime) -> dict[str, Any]:
    """The columns by which its forge hears of the change at once, and not what somebody read before it."""
    return {"report_due_at": moment, "report_fence": inbox.c.report_fence + 1} if event.reports else {}
