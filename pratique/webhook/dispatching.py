"""Threads that dispatch, until they are told to stop."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pratique.bootstrap import Clients
from pratique.clients.ports.inbox import Inbox
from pratique.errors import Refused, Transient
from pratique.webhook.dispatcher import Dispatcher
from pratique.webhook.metrics import Metrics

LOOK = 0.5
"""Seconds between two looks into an inbox that had nothing; events of other processes are found so."""
FORGET = 3600.0
"""Seconds between two deletions of old events."""

_log = logging.getLogger(__name__)


class Dispatching:
    """Several dispatchers beside each other in one process."""

    def __init__(self, clients: Clients, inbox: Inbox, metrics: Metrics) -> None:
        self._stop = threading.Event()
        self._news = threading.Event()
        place = f"{socket.gethostname()[:60]}:{os.getpid()}"
        self._threads = [
            threading.Thread(
                target=self._work,
                args=(Dispatcher(clients, inbox, metrics, f"{place}:{number}"), number == 0),
                name=f"dispatch-{number}",
            )
            for number in range(clients.settings.webhook.dispatchers)
        ]

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

    def _work(self, dispatcher: Dispatcher, forgets: bool) -> None:  # noqa: FBT001  a thread's arguments have no names
        forget_at = time.monotonic()
        while not self._stop.is_set():
            try:
                if forgets and time.monotonic() >= forget_at:
                    forget_at = time.monotonic() + FORGET
                    dispatcher.forget_old()
                found = dispatcher.dispatch_one()
            except (Refused, Transient) as failure:
                # The inbox itself does not answer; the events are in it.
                _log.warning("%s", failure)
                found = False
            except Exception:  # noqa: BLE001  a bug must not end the thread: the event's claim runs out, and the others go on
                _log.exception("an event could not be dispatched")
                found = False
            if not found:
                self._news.wait(LOOK)
                self._news.clear()
