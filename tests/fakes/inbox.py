"""The inbox in memory, keeping the contract of `Inbox`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from pratique.errors import FenceLost, Refused
from pratique.values.event import Backlog, Claim, Event, EventState, Forge, InboxEvent, ReportClaim
from pratique.values.report import Reported


class FakeInbox:
    """An inbox that is forgotten; `clock` is the database's."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._turn = threading.RLock()
        self._events: dict[int, InboxEvent] = {}
        self._claims: dict[int, Claim] = {}
        self._fences: dict[int, int] = {}
        self._lanes: dict[str, str] = {}
        self._reports: dict[int, datetime] = {}
        """When each event is to be looked at again, so that its forge hears of it."""
        self._report_fences: dict[int, int] = {}
        self._last = 0

    def store(self, events: Sequence[Event]) -> Sequence[bool]:
        with self._turn:
            return [self._store(event) for event in events]

    def claim(self, holder: str, duration: timedelta) -> Claim | None:
        with self._turn:
            now, lanes = self._clock(), set()
            for number, held in self._events.items():
                if held.state is not EventState.WAITING or held.event.lane in lanes:
                    continue
                lanes.add(held.event.lane)
                claimed = self._claims.get(number)
                if (held.due_at is not None and held.due_at > now) or (claimed is not None and claimed.expires_at > now):
                    continue
                self._fences[number] = self._fences.get(number, 0) + 1
                claim = Claim(held=held, holder=holder, fence=self._fences[number], expires_at=now + duration)
                self._claims[number] = claim
                return claim
            return None

    def finish(
        self, claim: Claim, state: EventState, *, reason: str = "", commit: str = "", run: str = "", run_url: str = ""
    ) -> None:
        if state is EventState.WAITING:
            raise Refused(f"event {claim.held.number} cannot end as {state}: postpone it")
        ending = {"state": state, "reason": reason, "run": run, "run_url": run_url, "finished_at": self._clock()}
        with self._turn:
            self._give_back(claim, ending | {"commit": commit})
            self._tell_again(claim.held.number)
            if commit and state is EventState.STARTED:
                self._lanes[claim.held.event.lane] = commit

    def postpone(self, claim: Claim, pause: timedelta, reason: str) -> None:
        with self._turn:
            self._give_back(claim, {"due_at": self._clock() + pause, "reason": reason})

    def dispatched(self, event: Event) -> str | None:
        return self._lanes.get(event.lane)

    def again(self, number: int) -> InboxEvent:
        with self._turn:
            held = self._events.get(number)
            if held is None or held.state is not EventState.REFUSED:
                raise Refused(f"no refused event {number} is in the inbox")
            anew = {"state": EventState.WAITING, "reason": "", "due_at": None, "finished_at": None, "attempts": 0}
            self._events[number] = held.model_copy(update=anew)
            self._tell_again(number)
            return self._events[number]

    def claim_report(self, forges: Collection[Forge], duration: timedelta) -> ReportClaim | None:
        with self._turn:
            now = self._clock()
            due = [
                (moment, number)
                for number, moment in self._reports.items()
                if moment <= now and self._events[number].event.forge in forges
            ]
            if not due:
                return None
            _, number = min(due)
            self._reports[number] = now + duration
            self._report_fences[number] = self._report_fences.get(number, 0) + 1
            return ReportClaim(held=self._events[number], fence=self._report_fences[number])

    def record_report(self, claim: ReportClaim, reported: Reported, again: timedelta | None) -> None:
        number = claim.held.number
        with self._turn:
            if number not in self._events or self._report_fences[number] != claim.fence:
                raise FenceLost(f"the report of event {number} is no longer ours")
            self._events[number] = self._events[number].model_copy(update={"reported": reported})
            del self._reports[number]
            if again is not None:
                self._reports[number] = self._clock() + again

    def events(self, service: str | None = None, state: EventState | None = None, limit: int = 50) -> Sequence[InboxEvent]:
        found = [
            held
            for held in reversed(self._events.values())
            if service in (None, held.event.service) and state in (None, held.state)
        ]
        return found[:limit]

    def backlog(self) -> Backlog:
        waiting = [held.event.received_at for held in self._events.values() if held.state is EventState.WAITING]
        unreported = sum(bool(self._events[number].reported.problem) for number in self._reports)
        return Backlog(waiting=len(waiting), oldest=min(waiting, default=None), unreported=unreported)

    def forget(self, before: datetime) -> int:
        with self._turn:
            ended = [
                number
                for number, held in self._events.items()
                if held.state is not EventState.WAITING and held.finished_at is not None and held.finished_at < before
            ]
            for number in ended:
                del self._events[number]
                self._reports.pop(number, None)
            return len(ended)

    def _store(self, event: Event) -> bool:
        for held in self._events.values():
            same_call = (held.event.forge, held.event.delivery) == (event.forge, event.delivery)
            if same_call or held.event.fingerprint == event.fingerprint:
                return False
        self._last += 1
        self._events[self._last] = InboxEvent(number=self._last, event=event, state=EventState.WAITING)
        if event.reports:
            self._reports[self._last] = event.received_at
        return True

    def _tell_again(self, number: int) -> None:
        if self._events[number].event.reports:
            self._reports[number] = self._clock()
            self._report_fences[number] = self._report_fences.get(number, 0) + 1

    def _give_back(self, claim: Claim, values: dict[str, object]) -> None:
        number = claim.held.number
        if self._fences.get(number) != claim.fence or self._events[number].state is not EventState.WAITING:
            raise FenceLost(f"event {number} is no longer {claim.holder}'s to dispatch")
        self._claims.pop(number, None)
        update = {"attempts": self._events[number].attempts + 1, **values}
        self._events[number] = self._events[number].model_copy(update=update)
