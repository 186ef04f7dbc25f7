"""Group commit: many calls that wait for their events to be durable share one transaction, and so one flush of the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from pratique.clients.ports.inbox import Inbox
from pratique.errors import Transient
from pratique.values.event import Event

MOST_CALLS = 256
"""In one transaction."""
MOST_WAITING = 2000
"""Calls; more would wait for longer than their senders do."""

_Waiting = tuple[Sequence[Event], "asyncio.Future[list[bool]]"]


class Committer:
    """One writer: while it commits, the next calls gather."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(MOST_WAITING)
        # A thread of its own, so that it never waits for one behind slower work.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inbox")

    async def store(self, events: Sequence[Event]) -> list[bool]:
        """For each event whether it is new, once all of them are durable; whatever the inbox raises is raised here."""
        done: asyncio.Future[list[bool]] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((events, done))
        except asyncio.QueueFull:
            raise Transient("more calls wait to be stored than can be soon") from None
        return await done

    async def run(self) -> None:
        """Commits until it is cancelled."""
        while True:
            calls = [await self._queue.get()]
            while len(calls) < MOST_CALLS and not self._queue.empty():
                calls.append(self._queue.get_nowait())
            await asyncio.shield(self._commit(calls))

    async def _commit(self, calls: Sequence[_Waiting]) -> None:
        events = [event for of_call, _ in calls for event in of_call]
        try:
            new = iter(await asyncio.get_running_loop().run_in_executor(self._thread, self._inbox.store, events))
        except Exception as error:  # noqa: BLE001  each caller is told, whatever it is
            for _, done in calls:
                if not done.done():
                    done.set_exception(error)
            return
        for of_call, done in calls:
            answer = list(islice(new, len(of_call)))
            if not done.done():
                done.set_result(answer)
