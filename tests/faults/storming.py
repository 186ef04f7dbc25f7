"""A storm of calls, as forges would make it: who is not answered, or is sent away, calls again with the same id."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from tests.calls import Call

GIVE_UP = 120.0
"""Seconds after which a call that is still not taken counts as lost."""


@dataclass
class Storm:
    """How the calls were answered."""

    accepted: list[str] = field(default_factory=list)
    """Ids of the calls that were told 202, by however many of their tries."""
    known: list[str] = field(default_factory=list)
    """Ids of the calls that were told 200: an earlier try was stored, and its answer lost."""
    sent_away: int = 0
    unanswered: int = 0
    seconds: list[float] = field(default_factory=list)
    """How long each answered try took, from when it was due."""


async def storm(
    url: str, calls: Sequence[Call], callers: int, after: Callable[[int], None] = lambda _: None, rate: float | None = None
) -> Storm:
    """Send all of them through so many connections, at most `rate` in a second; `after` hears how many are done."""
    found, left, began = Storm(), iter(enumerate(calls)), time.perf_counter()
    limits = httpx.Limits(max_connections=callers, max_keepalive_connections=callers)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:

        async def caller() -> None:
            for number, call in left:
                due = time.perf_counter() if rate is None else began + number / rate
                await asyncio.sleep(due - time.perf_counter())
                await _insist(client, url, call, found, due)
                after(len(found.accepted) + len(found.known))

        await asyncio.gather(*(caller() for _ in range(callers)))
    return found


async def _insist(client: httpx.AsyncClient, url: str, call: Call, found: Storm, began: float) -> None:
    headers, end = call.signed(), time.monotonic() + GIVE_UP
    identity = call.headers["x-github-delivery"]
    while time.monotonic() < end:
        try:
            answer = await client.post(f"{url}/events/{call.forge}", headers=headers, content=call.body)
        except httpx.HTTPError:
            found.unanswered += 1
            await asyncio.sleep(0.05)
            began = time.perf_counter()
            continue
        # From when it was due, where calls are due at all: a call that had to wait for its turn has waited.
        found.seconds.append(time.perf_counter() - began)
        match answer.status_code:
            case HTTPStatus.ACCEPTED:
                found.accepted.append(identity)
                return
            case HTTPStatus.OK:
                found.known.append(identity)
                return
            case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
                found.sent_away += 1
                await asyncio.sleep(0.05)
                began = time.perf_counter()
            case status:
                raise AssertionError(f"{status}: {answer.text}")
