"""Checks: measuring what runs, from outside and from within.

    results = run_checks(environment.checks, "127.0.0.1:20417", execute, commit)

A check is asked again at its interval until it passes or its own deadline is over. A check that fails is a result.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from functools import partial

import httpx

from pratique.clients.pauses import pause
from pratique.errors import Refused, Transient
from pratique.scrub import scrub
from pratique.values.checks import Check, CheckResult, CommandProbe, HttpProbe
from pratique.values.placeholders import COMMIT

Execute = Callable[[Sequence[str], timedelta], tuple[int, str]]
"""Runs a command inside the serving container: exit status and output."""

_AT_ONCE = 8
"""Checks that are run at the same time."""
_BODY_LIMIT = 1024 * 1024
"""Bytes of a body that are looked at."""
_SHOWN = 200
"""Characters of a body or an output that a result shows."""

_TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""No TLS is spoken here, and loading the usual authorities takes longer than most checks."""

Seen = tuple[bool, str]
"""Whether one attempt passed, and what was seen."""


def run_checks(checks: Sequence[Check], address: str, execute: Execute, commit: str) -> tuple[CheckResult, ...]:
    """What each check found, in the order of `checks`; `address` is `host:port`, `commit` the one that should serve."""
    if not checks:
        return ()
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(checks))) as threads:
        # Each in a context of its own, so that a pause in it ends where ours would.
        works = [partial(copy_context().run, _run, check, address, execute, commit) for check in checks]
        return tuple(threads.map(lambda work: work(), works))


def _run(check: Check, address: str, execute: Execute, commit: str) -> CheckResult:
    begin = time.monotonic()
    end = begin + check.deadline.total_seconds()
    attempts = 0
    while True:
        attempts += 1
        # The last attempt may not outlast the deadline by its own time limit.
        timeout = min(check.timeout, timedelta(seconds=max(end - time.monotonic(), 0.05)))
        passed, detail = _attempt(check, address, execute, commit, timeout)
        interval = check.interval.total_seconds()
        if passed or time.monotonic() + interval >= end:
            return CheckResult(
                name=check.name, passed=passed, detail=detail, attempts=attempts, seconds=round(time.monotonic() - begin, 3)
            )
        pause(interval)


def _attempt(check: Check, address: str, execute: Execute, commit: str, timeout: timedelta) -> Seen:
    if check.http:
        return _http(check.http, address, commit, timeout)
    if check.command:
        return _command(check.command, execute, timeout)
    return _tcp(address, timeout)


def _http(probe: HttpProbe, address: str, commit: str, timeout: timedelta) -> Seen:
    asked = f"GET http://{address}{probe.path}"
    try:
        status, body = _get(f"http://{address}{probe.path}", timeout)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return False, f"{asked}: {_one_line(str(error)) or type(error).__name__}"
    if status != probe.status:
        return False, f"{asked}: status {status} instead of {probe.status}: {_one_line(body)}"
    if probe.contains is None:
        return True, f"{asked}: status {status}"
    wanted = probe.contains.replace(COMMIT, commit)
    if wanted not in body:
        return False, f"{asked}: the body does not hold {wanted!r}: {_one_line(body)}"
    return True, f"{asked}: status {status}, the body holds {wanted!r}"


def _get(url: str, timeout: timedelta) -> tuple[int, str]:
    """Status and body; no redirect is followed, because it would measure something else."""
    end = time.monotonic() + timeout.total_seconds()
    body = bytearray()
    with (
        httpx.Client(timeout=timeout.total_seconds(), follow_redirects=False, trust_env=False, verify=_TRUSTS_NOBODY) as client,
        # Uncompressed: a small body may not become a huge one here.
        client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
    ):
        for chunk in response.iter_raw():
            body += chunk[: _BODY_LIMIT - len(body)]
            # httpx limits the time between two chunks only, and a body may come drop by drop.
            if len(body) >= _BODY_LIMIT or time.monotonic() > end:
                break
    return response.status_code, body.decode(errors="replace")


def _command(probe: CommandProbe, execute: Execute, timeout: timedelta) -> Seen:
    asked = " ".join(probe.run)
    try:
        status, output = execute(probe.run, timeout)
    except (Refused, Transient) as error:
        return False, f"{asked}: {_one_line(str(error))}"
    said = f": {_one_line(output)}" if output.strip() else ""
    return status == 0, f"{asked}: status {status}{said}"


def _tcp(address: str, timeout: timedelta) -> Seen:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout.total_seconds()):
            return True, f"{address} accepts connections"
    except (OSError, ValueError) as error:
        return False, f"{address} accepts no connection: {error}"


def _one_line(text: str) -> str:
    """The beginning of a text, on one line; secrets are replaced first, which folded or cut off would not be known again."""
    line = " ".join(scrub(text).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
