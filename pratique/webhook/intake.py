"""What becomes of one call: authenticated, read, admitted, stored; only then is it answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from pratique.decisions.admission import Listed, admit
from pratique.errors import Refused, Transient
from pratique.settings import Settings
from pratique.values._base import Value
from pratique.values.event import Event, Forge
from pratique.webhook.authentication import Headers
from pratique.webhook.committing import Committer
from pratique.webhook.providers import PROVIDERS
from pratique.webhook.valid_secrets import ValidSecrets


class UnknownForge(Refused):
    """Nobody has said by which secrets this forge is authenticated."""


class WrongContentType(Refused):
    """The body is sent as something else than JSON."""


class Outcome(StrEnum):
    """What became of an event."""

    ACCEPTED = "accepted"
    """It is stored durably, and will be dispatched."""
    KNOWN = "known"
    """It was stored before; nothing more is started."""
    IGNORED = "ignored"
    """There is nothing to do; the reason says why."""


class EventAnswer(Value):
    """What became of one event of a call."""

    outcome: Outcome
    delivery: str = ""
    kind: str = ""
    ref: str = ""
    reason: str = ""


class Answer(Value):
    """What became of a call: the best that became of any of its events, and each by itself."""

    outcome: Outcome
    reason: str = ""
    events: tuple[EventAnswer, ...] = ()


class Intake:
    """Takes calls; `room` says how many more events may wait."""

    def __init__(self, settings: Settings, secrets: ValidSecrets, committer: Committer) -> None:
        self._stale_after = settings.webhook.stale_after
        self._services = listed_services(settings)
        self._told = frozenset(settings.webhook.forges)
        self._secrets, self._committer = secrets, committer
        self.room = settings.webhook.most_waiting

    async def take(self, forge: Forge, headers: Headers, body: bytes) -> Answer:
        """The answer; `Unauthenticated`, `Invalid`, `Refused` or `Transient` where there is none."""
        if forge not in self._secrets.forges:
            raise UnknownForge(f"no call of {forge} is expected here: the settings name no secret for it")
        provider, now = PROVIDERS[forge], datetime.now(UTC)
        provider.authenticate(headers, body, await self._secrets.of(forge), now, self._stale_after)
        require_json(headers.get("content-type", ""))
        call = provider.read(headers, body)
        if not call.heard:
            return Answer(outcome=Outcome.IGNORED, reason=call.ignored)
        return await self._store(
            [admit(forge, heard, self._services, now, reports=forge in self._told) for heard in call.heard]
        )

    async def _store(self, found: list[Event | str]) -> Answer:
        events = [event for event in found if isinstance(event, Event)]
        if len(events) > self.room:
            raise Transient("the inbox is behind: too many events wait to be dispatched")
        new = iter(await self._committer.store(events) if events else ())
        answers = tuple(_answer(each, new=isinstance(each, Event) and next(new)) for each in found)
        self.room -= sum(answer.outcome is Outcome.ACCEPTED for answer in answers)
        best = next(outcome for outcome in Outcome if any(answer.outcome is outcome for answer in answers))
        return Answer(outcome=best, reason=answers[0].reason if len(answers) == 1 else "", events=answers)


def require_json(content_type: str) -> None:
    """That the body is sent as JSON, or as a kind of it."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise WrongContentType("the body is not sent as JSON: let the forge send application/json")


def listed_services(settings: Settings) -> Mapping[str, Listed]:
    """The services of the settings, as far as events concern them."""
    return {
        name: Listed(
            repository=service.repository,
            images=service.images,
            rules=settings.webhook.rules if service.rules is None else service.rules,
        )
        for name, service in settings.services.items()
    }


def _answer(found: Event | str, *, new: bool) -> EventAnswer:
    if isinstance(found, str):
        return EventAnswer(outcome=Outcome.IGNORED, reason=found)
    outcome = Outcome.ACCEPTED if new else Outcome.KNOWN
    reason = "" if new else "known already: nothing more is started"
    return EventAnswer(outcome=outcome, delivery=found.delivery, kind=found.kind, ref=found.ref, reason=reason)
