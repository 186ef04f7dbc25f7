"""From the inbox to Prefect: one event after the other, each lane in its order.

    look      the commit is on the ref, as Git has it now; nothing newer of the ref was dispatched before
    act       the flow run is started under the event's own key, so that starting it twice starts it once
    record    started, superseded or refused; where somebody cannot answer now, the event stays and is tried again

Killed anywhere in between, the claim runs out, another dispatcher takes over, and the key finds the run that is there.
"""

from __future__ import annotations

import logging
import random
from datetime import UTC, datetime, timedelta

from pratique.bootstrap import Clients
from pratique.clients.ports import Source
from pratique.clients.ports.inbox import Inbox
from pratique.errors import FenceLost, Refused, Transient
from pratique.pipeline.preview import require_own
from pratique.scrub import scrub
from pratique.values.event import Claim, Event, EventKind, EventState
from pratique.webhook.metrics import Metrics
from pratique.webhook.starting import start_of

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before an event is tried again: doubled each time, and spread, so that not all come back at once."""

_log = logging.getLogger(__name__)


class Dispatcher:
    """Dispatches events; several may, in as many processes."""

    def __init__(self, clients: Clients, inbox: Inbox, metrics: Metrics, name: str) -> None:
        self._clients, self._inbox, self._metrics, self._name = clients, inbox, metrics, name

    def dispatch_one(self) -> bool:
        """Dispatch the event that is due first; False where none is."""
        claim = self._inbox.claim(self._name, self._clients.settings.webhook.lease)
        if claim is None:
            return False
        try:
            self._dispatch(claim)
        except FenceLost as lost:
            # Whoever took over finishes it, and finds our run by its key.
            _log.warning("%s", lost)
        return True

    def forget_old(self) -> int:
        """Delete events that ended long enough ago; how many."""
        return self._inbox.forget(datetime.now(UTC) - self._clients.settings.webhook.kept)

    def _dispatch(self, claim: Claim) -> None:
        event = claim.held.event
        try:
            commit = self._commit(event)
            newer = self._newer(event, commit)
            if newer:
                # The status of a commit that was started before is told by the event that started it.
                told = "" if commit is None or commit == self._inbox.dispatched(event) else commit
                self._finish(claim, EventState.SUPERSEDED, newer, told)
            else:
                self._start(claim, commit)
        except FenceLost:
            raise
        except Transient as transient:
            self._postpone(claim, scrub(str(transient)))
        except Refused as refused:
            self._finish(claim, EventState.REFUSED, scrub(str(refused)))

    def _commit(self, event: Event) -> str | None:
        """The commit, once Git has confirmed that the ref holds it; of an image, its digest as it was announced."""
        if event.kind is EventKind.IMAGE:
            return event.commit
        source = self._clients.source()
        if event.commit is None:
            return source.resolve(event.repository, event.ref).id
        if not source.head_contains(event.repository, event.ref, event.commit):
            raise Refused(f"commit {event.commit} is not on {event.ref} of {event.repository}")
        if event.kind is EventKind.PULL_REQUEST and not self._clients.settings.webhook.previews_of_forks:
            require_own(self._clients, event.repository, event.commit)
        return event.commit

    def _newer(self, event: Event, commit: str | None) -> str:
        """Why the commit is not to be started any more; empty where it is."""
        if commit is None or event.kind is EventKind.IMAGE:
            return ""
        source = self._clients.source()
        if event.kind is EventKind.PULL_REQUEST:
            present = source.resolve(event.repository, event.ref).id
            if present != commit:
                return f"the pull request is at {present[:12]} by now"
        last = self._inbox.dispatched(event)
        if last == commit:
            return f"commit {commit[:12]} of {event.ref} was dispatched before"
        if last is not None and _is_ancestor(source, event.repository, commit, last):
            return f"commit {last[:12]} of {event.ref}, which holds {commit[:12]}, was dispatched before"
        return ""

    def _start(self, claim: Claim, commit: str | None) -> None:
        start = start_of(claim.held.event, commit)
        with self._clients.prefect() as prefect:
            run = prefect.start(start.deployment, start.parameters, key=start.key, tags=start.tags)
            page = prefect.page(run)
        self._inbox.finish(claim, EventState.STARTED, commit=commit or "", run=run.id, run_url=page)
        self._metrics.dispatched.labels(EventState.STARTED.value).inc()
        _log.info("event %s of %s runs: %s", claim.held.number, claim.held.event.service, page)

    def _finish(self, claim: Claim, state: EventState, reason: str, commit: str = "") -> None:
        self._inbox.finish(claim, state, reason=reason, commit=commit)
        self._metrics.dispatched.labels(state.value).inc()
        _log.info("event %s of %s: %s, because %s", claim.held.number, claim.held.event.service, state.value, reason)

    def _postpone(self, claim: Claim, reason: str) -> None:
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(claim.held.attempts, 10))
        pause = timedelta(seconds=random.uniform(longest / 2, longest))  # noqa: S311  spreads, and guards nothing
        self._inbox.postpone(claim, pause, reason)
        self._metrics.postponed.inc()
        _log.warning("event %s waits: %s", claim.held.number, reason)


def _is_ancestor(source: Source, repository: str, commit: str, of: str) -> bool:
    try:
        return source.head_contains(repository, of, commit)
    except Refused:
        # The one dispatched last is on no branch any more: history was rewritten, and says nothing of older and newer.
        return False
