"""Threads that dispatch and report, until they are told to stop."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pratique.bootstrap import Clients
from pratique.clients.ports.inbox import Inbox
from pratique.errors import Refused, Transient
from pratique.webhook.dispatcher import Dispatcher
from pratique.webhook.metrics import Metrics
from pratique.webhook.reporter import Reporter

LOOK = 0.5
"""Seconds between two looks into an inbox that had nothing; events of other processes are found so."""
FORGET = 3600.0
"""Seconds between two deletions of old events."""

_log = logging.getLogger(__name__)


class Dispatching:
    """Several dispatchers beside each other in one process, and a reporter where the settings name a forge to tell."""

    def __init__(self, clients: Clients, inbox: Inbox, metrics: Metrics) -> None:
        self._stop = threading.Event()
        self._news = threading.Event()
        place = f"{socket.gethostname()[:60]}:{os.getpid()}"
        webhook = clients.settings.webhook
        dispatchers = [Dispatcher(clients, inbox, metrics, f"{place}:{number}") for number in range(webhook.dispatchers)]
        steps = {f"dispatch-{number}": one.dispatch_one for number, one in enumerate(dispatchers)}
        steps["dispatch-0"] = _forgetting(dispatchers[0])
        if webhook.forges:
            # A thread of its own, so that a forge that is slow to answer holds up no event.
            steps["report"] = Reporter(clients, inbox, metrics).report_one
        self._threads = [threading.Thread(target=self._work, args=(step,), name=name) for name, step in steps.items()]

    def wake(self) -> None:
        """Look at once: there is something new."""
        self._news.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Dispatches within; on leaving, what is being dispatched is finished."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._news.set()
            for thread in self._threads:
                thread.join()

    def wait(self) -> None:
        """Until somebody says stop."""
        self._stop.wait()

    def stop(self) -> None:
        """End what `wait` waits for."""
        self._stop.set()

    def _work(self, step: Callable[[], bool]) -> None:
        while not self._stop.is_set():
            try:
                found = step()
            except (Refused, Transient) as failure:
                # The inbox itself does not answer; the events are in it.
                _log.warning("%s", failure)
                found = False
            except Exception:  # noqa: BLE001  a bug must not end the thread: the event's claim runs out, and the others go on
                _log.exception("an event could not be dispatched, or not be reported")
                found = False
            if not found:
                self._news.wait(LOOK)
                self._news.clear()


def _forgetting(dispatcher: Dispatcher) -> Callable[[], bool]:
    """Dispatches one event, and every hour deletes old ones before it."""
    forget_at = time.monotonic()

    def step() -> bool:
        nonlocal forget_at
        if time.monotonic() >= forget_at:
            forget_at = time.monotonic() + FORGET
            dispatcher.forget_old()
        return dispatcher.dispatch_one()

    return step
