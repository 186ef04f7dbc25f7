"""A storm of calls, as forges would make it: who is not answered, or is sent away, calls again with the same id."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

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

    async def caller() -> None:
        async with _Line(url) as line:
            for number, call in left:
                due = time.perf_counter() if rate is None else began + number / rate
                await asyncio.sleep(due - time.perf_counter())
                await _insist(line, call, found, due)
                after(len(found.accepted) + len(found.known))

    await asyncio.gather(*(caller() for _ in range(callers)))
    return found


async def _insist(line: _Line, call: Call, found: Storm, began: float) -> None:
    headers, end = call.signed(), time.monotonic() + GIVE_UP
    identity = call.headers["x-github-delivery"]
    while time.monotonic() < end:
        try:
            status = await line.send(f"/events/{call.forge}", headers, call.body)
        except (OSError, EOFError, TimeoutError):
            found.unanswered += 1
            await asyncio.sleep(0.05)
            began = time.perf_counter()
            continue
        # From when it was due, where calls are due at all: a call that had to wait for its turn has waited.
        found.seconds.append(time.perf_counter() - began)
        match status:
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
            case _:
                raise AssertionError(f"a call was answered with {status}")


class _Line:
    """One connection that is kept open. Plain HTTP by hand: a client library takes longer than what is measured with it."""

    def __init__(self, url: str) -> None:
        self._host, self._port = url.removeprefix("http://").split(":")
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hang_up()

    async def send(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer."""
        try:
            async with asyncio.timeout(30):
                self._open = self._open or await asyncio.open_connection(self._host, int(self._port))
                reader, writer = self._open
                lines = [f"POST {path} HTTP/1.1", f"host: {self._host}", f"content-length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
        except BaseException:
            self._hang_up()
            raise
        if "\r\nconnection: close" in head:
            self._hang_up()
        return int(head.split(" ", 2)[1])

    def _hang_up(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None
