"""What forges were told, in SQL: the port `Reports`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import update

from pratique.clients.inbox import queries
from pratique.clients.ledger.database import Database
from pratique.clients.ledger.engine import now
from pratique.clients.ledger.tables import inbox
from pratique.errors import FenceLost
from pratique.values.event import Forge, ReportClaim
from pratique.values.report import Reported


class SqlReports(Database):
    """The part of the inbox that reporters use."""

    def claim_report(self, forges: Collection[Forge], duration: timedelta) -> ReportClaim | None:
        with self._reading() as connection:
            row = connection.execute(queries.first_to_report(now(connection), forges)).first()
        if row is None:
            return None
        with self._writing() as connection:
            # A claim is no more than a later time at which the event is due: whoever dies leaves nothing to tidy up.
            taken = {"report_fence": row.report_fence + 1, "report_due_at": now(connection) + duration}
            mine = (inbox.c.number == row.number, inbox.c.report_fence == row.report_fence)
            if not connection.execute(update(inbox).where(*mine).values(taken)).rowcount:
                return None
        return ReportClaim(held=queries.event_of(row), fence=row.report_fence + 1)

    def record_report(self, claim: ReportClaim, reported: Reported, again: timedelta | None) -> None:
        number = claim.held.number
        mine = (inbox.c.number == number, inbox.c.report_fence == claim.fence)
        with self._writing() as connection:
            values = {
                "reported": reported.state,
                "reported_run": reported.run,
                "report_attempts": reported.attempts,
                "report_problem": reported.problem,
                "report_due_at": None if again is None else now(connection) + again,
            }
            if not connection.execute(update(inbox).where(*mine).values(values)).rowcount:
                raise FenceLost(f"the report of event {number} is no longer ours: it was claimed, or the event has changed")
