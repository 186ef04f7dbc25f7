"""From the inbox to the forge: each change of state of what an event started.

    look      where the event is, and its flow run, as inbox and Prefect have them now
    act       the commit's status is set, the pull request's comment written: both are left alone where they say so already
    record    what was told, with the event; where somebody cannot answer now, it is looked at again

Killed anywhere in between, the claim runs out, another reporter looks, and finds at the forge what was told.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from pratique.bootstrap import Clients
from pratique.clients.ports.forge import Denied, Limited
from pratique.clients.ports.inbox import Inbox
from pratique.decisions.telling import Ran, Telling, comment_of, commit_of, context_of, marker_of, telling_of
from pratique.errors import FenceLost, Refused, Transient
from pratique.scrub import scrub
from pratique.values.event import EventKind, EventState, Forge, InboxEvent, ReportClaim
from pratique.values.report import Reported, ReportState
from pratique.webhook.following import run_of
from pratique.webhook.metrics import Metrics

SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=30)
"""Between two looks at a run, which grow with its age."""
LONGEST_REST = timedelta(minutes=5)
"""For how long a forge is left alone that is down, or does not accept the token."""

_log = logging.getLogger(__name__)


class Reporter:
    """Tells forges; several may, in as many processes."""

    def __init__(self, clients: Clients, inbox: Inbox, metrics: Metrics) -> None:
        self._clients, self._inbox, self._metrics = clients, inbox, metrics
        self._rests: dict[Forge, float] = {}
        """Until when each forge is left alone, so that one that is down holds up no other; by `time.monotonic`."""

    def report_one(self) -> bool:
        """Look at the event that is due first, and tell its forge what is new; False where none is due."""
        awake = [forge for forge in self._clients.settings.webhook.forges if self._rests.get(forge, 0) <= time.monotonic()]
        claim = self._inbox.claim_report(awake, self._clients.settings.webhook.lease) if awake else None
        if claim is None:
            return False
        try:
            self._report(claim)
        except FenceLost as lost:
            _log.info("%s", lost)
        return True

    def _report(self, claim: ReportClaim) -> None:
        held = claim.held
        try:
            ran = run_of(self._clients, held) if held.state is EventState.STARTED else None
            telling = telling_of(held, ran)
            body = self._body(held, telling, ran)
        except (Refused, Transient) as failure:
            # It is Prefect that does not answer, and no forge's fault.
            _log.warning("event %s is reported later: %s", held.number, failure)
            self._inbox.record_report(claim, held.reported, LONGEST_PAUSE)
            return
        if not self._is_told_by_this(held):
            self._inbox.record_report(claim, held.reported, None if telling.is_last else LONGEST_PAUSE)
        elif (telling.state, telling.run) == (held.reported.state, held.reported.run) and not held.reported.attempts:
            self._inbox.record_report(claim, held.reported, _next_look(held, telling))
        else:
            self._tell(claim, telling, body)

    def _tell(self, claim: ReportClaim, telling: Telling, body: str | None) -> None:
        held, event = claim.held, claim.held.event
        reported = Reported(state=telling.state, run=telling.run)
        try:
            with self._clients.forge(event.forge) as forge:
                forge.set_status(
                    event.repository,
                    commit_of(held),
                    telling.state,
                    context=context_of(event),
                    description=scrub(telling.sentence),
                    url=telling.url,
                )
                if body is not None and event.pull_request is not None:
                    forge.comment(event.repository, event.pull_request, marker_of(event), scrub(body))
        except (Denied, Transient) as failure:
            self._postpone(claim, failure)
            return
        except Refused as refused:
            # Of this commit the forge takes no report; the next state is tried all the same.
            reported = reported.model_copy(update={"problem": scrub(str(refused))})
            self._metrics.unreported.labels(event.forge.value, "refused").inc()
            _log.warning("event %s: %s is not told %s: %s", held.number, event.forge, telling.state, reported.problem)
        else:
            self._metrics.reported.labels(event.forge.value, telling.state.value).inc()
            _log.info("event %s: %s was told %s", held.number, event.forge, telling.state)
        self._inbox.record_report(claim, reported, _next_look(held, telling))

    def _postpone(self, claim: ReportClaim, failure: Denied | Transient) -> None:
        """Leave the forge alone for a while, and look at the event again after it."""
        held, forge = claim.held, claim.held.event.forge
        doubled = timedelta(seconds=2 ** min(held.reported.attempts, 10))
        rest = failure.after if isinstance(failure, Limited) else min(doubled, LONGEST_REST)
        if isinstance(failure, Denied):
            rest = LONGEST_REST
        self._rests[forge] = time.monotonic() + rest.total_seconds()
        problem = scrub(str(failure))
        failed = held.reported.model_copy(update={"attempts": held.reported.attempts + 1, "problem": problem})
        self._inbox.record_report(claim, failed, rest)
        self._metrics.unreported.labels(forge.value, "denied" if isinstance(failure, Denied) else "transient").inc()
        _log.warning("event %s is reported in %.0f s: %s", held.number, rest.total_seconds(), problem)

    def _is_told_by_this(self, held: InboxEvent) -> bool:
        """Whether the commit's status is this event's to tell: not where another event of the ref has started the commit."""
        commit = commit_of(held)
        if not commit:
            return False
        return held.state is not EventState.WAITING or self._inbox.dispatched(held.event) != commit

    def _body(self, held: InboxEvent, telling: Telling, ran: Ran | None) -> str | None:
        """What the comment says, once the preview of a pull request has ended; None where there is nothing to say."""
        if held.event.kind is not EventKind.PULL_REQUEST or ran is None or not telling.is_last:
            return None
        if telling.state is ReportState.CANCELLED:
            return None
        with self._clients.prefect() as prefect:
            return comment_of(telling, prefect.markdown(ran.id))


def _next_look(held: InboxEvent, telling: Telling) -> timedelta | None:
    if telling.is_last:
        return None
    return min(LONGEST_PAUSE, max(SHORTEST_PAUSE, (datetime.now(UTC) - held.event.received_at) / 20))
