"""Watch over flow runs whose process may be gone, which Prefect's open-source server would show as running for ever.

A worker records the death of a run that it has started. What nobody records is the death of a worker together with its
runs, as when a machine is lost. A live run is heard of every half minute, by a heartbeat; one that is silent for longer is
recorded as crashed. Runs that have crashed are begun anew, a few times each: every step looks before it acts, so that
a new run goes on where the old one was killed.

Silence proves nothing while events do not arrive. So the watch sends an event of its own on the same way, and judges nobody
until that has come through without a gap for as long as a run may be silent.
A run that was taken for dead and lives harms nobody either: its fence is refused from the moment that another one has the lock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pratique.bootstrap import Clients
from pratique.clients.ports import Log
from pratique.clients.prefect import Prefect, Run
from pratique.errors import Refused, Transient
from pratique.pipeline.attempts import attempt_of, granted_since, next_attempt
from pratique.pipeline.parts import end_parts

HEARTBEAT = "prefect.flow-run.heartbeat"
"""Prefect's name of it; a run sends one every `PREFECT_FLOWS_HEARTBEAT_FREQUENCY` seconds."""

OWN_EVENT, OWN_RESOURCE = "pratique.watch.round", "pratique.watch"

REMEMBERED = timedelta(hours=2)
"""What crashed longer ago is left to a person."""


class Watch:
    """Looks after the runs of one Prefect server; more than one at a time do no harm."""

    def __init__(self, clients: Clients, log: Log, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clients, self._log, self._clock = clients, log, clock
        self._settings = clients.settings.watch
        self._heard_since: datetime | None = None
        """Since when events have come through without a gap."""
        self._settled: set[str] = set()
        """Runs that have crashed, and for which nothing more is to be done."""

    def look(self) -> None:
        """One round; `Transient` where Prefect or the ledger does not answer, and then nobody is judged for a while."""
        now = self._clock()
        try:
            with self._clients.prefect() as prefect:
                if self._hears(prefect, now):
                    self._end_silent(prefect, now)
                for run, why in end_parts(prefect):
                    self._tell_end(run, why)
                self._begin_anew(prefect, now)
        except Transient:
            self._heard_since = None
            raise

    def _hears(self, prefect: Prefect, now: datetime) -> bool:
        late = 2 * self._settings.every + timedelta(seconds=10)
        last = prefect.last_event(OWN_EVENT, OWN_RESOURCE, now - late)
        prefect.emit(OWN_EVENT, OWN_RESOURCE, now)
        if last is None:
            self._heard_since = None
            return False
        self._heard_since = self._heard_since or now
        return now - self._heard_since >= self._settings.silence

    def _end_silent(self, prefect: Prefect, now: datetime) -> None:
        for run in prefect.unfinished():
            allowed = self._settings.pending if run.state_type == "PENDING" else self._settings.silence
            # A sub-flow's run lives and dies with the run that it is part of.
            if run.parent_task_run_id is not None or now - run.since < allowed:
                continue
            if prefect.last_event(HEARTBEAT, f"prefect.flow-run.{run.id}", now - allowed) is None:
                why = f"nothing was heard of it for {allowed}: its worker or its machine is gone"
                if prefect.crash(run, why):
                    self._tell_end(run, why)

    def _tell_end(self, run: Run, why: str) -> None:
        self._log(f"{run.name} ({run.id}) is recorded as crashed: {why}")

    def _begin_anew(self, prefect: Prefect, now: datetime) -> None:
        for run in prefect.crashed(now - REMEMBERED):
            if run.id in self._settled:
                continue
            reason = self._no_need(run)
            if not reason:
                try:
                    again = prefect.run_again(run, next_attempt(run))
                except Refused as no:
                    # Its deployment is gone, or takes other parameters now.
                    reason = str(no)
                else:
                    self._log(f"{run.name} ({run.id}) was killed, and begins anew: {prefect.page(again)}")
            if reason and "pratique" in run.tags:
                self._log(f"{run.name} ({run.id}) was killed, and does not begin anew: {reason}")
            self._settled.add(run.id)

    def _no_need(self, run: Run) -> str:
        """Why nothing is done about it; empty for one that is to begin anew."""
        if run.deployment_id is None or "pratique" not in run.tags:
            return "it is no run of a deployment of ours"
        if any(tag.startswith("delivery:") for tag in run.tags):
            return "its delivery looks after it"
        if attempt_of(run.tags) > self._settings.again:
            return f"this was attempt {attempt_of(run.tags)}: a person should look why"
        service, environment = run.parameters.get("service"), run.parameters.get("environment")
        if service and environment and run.start_time is not None:
            with self._clients.ledger() as ledger:
                granted = granted_since(ledger, str(service), str(environment), run.start_time)
            if granted is not None:
                return f"commit {granted.commit[:12]} has been granted there since, by promotion {granted.id}"
        return ""
