"""The process behind `pratique webhook`: an HTTP server, dispatchers, or both."""

from __future__ import annotations

import gc
import logging
import signal
from collections.abc import Callable
from contextlib import nullcontext
from types import FrameType

import uvicorn

from pratique.bootstrap import Clients
from pratique.errors import Invalid
from pratique.scrub import ScrubbingFilter
from pratique.webhook.app import Receiver, application
from pratique.webhook.dispatching import Dispatching
from pratique.webhook.metrics import Metrics
from pratique.webhook.valid_secrets import ValidSecrets

GRACE = 10
"""Seconds for which calls that are being answered may go on when the process is told to stop."""


def serve(clients: Clients, host: str, port: int, *, dispatch: bool) -> None:
    """Take calls until the process is told to stop."""
    webhook = clients.settings.webhook
    if not webhook.secrets:
        raise Invalid("webhook.secrets", "there are none, so nobody could call", "name them by forge: see docs/webhook.md")
    _log_plainly()
    metrics = Metrics()
    with clients.inbox() as inbox:
        dispatching = Dispatching(clients, inbox, metrics)
        receiver = Receiver(clients.settings, inbox, ValidSecrets(clients), metrics, dispatching.wake if dispatch else None)
        config = uvicorn.Config(
            application(receiver),
            host=host,
            port=port,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            proxy_headers=bool(webhook.proxies),
            forwarded_allow_ips=list(webhook.proxies),
        )
        # uvicorn stops gently and then raises the signal once more, which by itself would end the dispatchers in mid-work.
        _on_signals(lambda: None)
        _spare_the_collector()
        with dispatching.running() if dispatch else nullcontext():
            uvicorn.Server(config).run()


def dispatch_only(clients: Clients) -> None:
    """Dispatch what others receive, until the process is told to stop."""
    _log_plainly()
    with clients.inbox() as inbox:
        dispatching = Dispatching(clients, inbox, Metrics())
        _on_signals(dispatching.stop)
        with dispatching.running():
            dispatching.wait()


def _on_signals(then: Callable[[], None]) -> None:
    def told(_signal: int, _frame: FrameType | None) -> None:
        then()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)


def _spare_the_collector() -> None:
    # What is loaded by now stays; looking through all of it again and again would stop every call for a tenth of a second.
    gc.collect()
    gc.freeze()


def _log_plainly() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(ScrubbingFilter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # It tells of every request that a client of ours makes.
    logging.getLogger("httpx").setLevel(logging.WARNING)
