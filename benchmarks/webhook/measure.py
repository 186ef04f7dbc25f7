"""How many events the webhook takes, how long each waits, and what is lost or doubled when its process or Prefect goes away.

    make bench-webhook            # or: python -m benchmarks.webhook.measure --calls 10000

Client, receiver and database are on this machine; a call is a GitHub push with its signature, as long as a real one.
The receiver is a real `pratique webhook` process over SQLite with every commit flushed to the disk, its secret in OpenBao.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from pratique.local.openbao import NAME, start_openbao
from pratique.local.process import Processes, free_port
from pratique.values.event import EventState
from tests.calls import Call, github_push
from tests.contract.events import a_commit
from tests.faults.storming import Storm, storm
from tests.services.git import git
from tests.services.webhook import RunningWebhook, webhook_in

CALLERS = 16
"""Connections."""
RATE = 500
"""Calls in a second, in the runs whose waiting times count."""


def main() -> None:
    """Measure, print, and write the figures to `--json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--pushes", type=int, default=60, help="events that are dispatched, too")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    asked = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="pratique-bench-") as place:
        folder = Path(place)
        processes = Processes(folder / "processes")
        openbao = start_openbao(processes, folder / "openbao", free_port())
        repository = folder / "hello.git"
        repository.mkdir()
        git(repository, "init", "--quiet", "--bare", "--initial-branch=main")
        try:
            rounds = [("flat_out", flat_out), *((f"steady_{number}", steady) for number in range(1, 6)), ("killed", killed)]
            for name, measure in rounds:
                (folder / name).mkdir()
                with webhook_in(folder / name, openbao, hello=str(repository)) as webhook:
                    webhook.start("--no-dispatch")
                    figures[name] = measure(webhook, pushes(repository, asked.calls))
                print(name, json.dumps(figures[name]), flush=True)
            (folder / "dispatched").mkdir()
            with webhook_in(folder / "dispatched", openbao, hello=str(repository)) as webhook:
                webhook.start()
                figures["dispatched"] = dispatched(webhook, repository, asked.pushes)
            print("dispatched", json.dumps(figures["dispatched"]), flush=True)
        finally:
            processes.stop(NAME)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


def flat_out(webhook: RunningWebhook, calls: Sequence[Call]) -> dict[str, Any]:
    """As fast as the connections give: how many in a second."""
    receiver, client = psutil.Process(webhook.processes[0].pid), psutil.Process()
    before = [sum(process.cpu_times()[:2]) for process in (receiver, client)]
    began = time.perf_counter()
    found = asyncio.run(storm(webhook.url, calls, CALLERS))
    seconds = time.perf_counter() - began
    used = [sum(process.cpu_times()[:2]) - earlier for process, earlier in zip((receiver, client), before, strict=True)]
    cpu = {"receiver_cpu_ms_per_call": used[0] / len(calls) * 1000, "client_cpu_ms_per_call": used[1] / len(calls) * 1000}
    return told(found, seconds) | {name: round(value, 2) for name, value in cpu.items()} | kept(webhook, calls)


def steady(webhook: RunningWebhook, calls: Sequence[Call]) -> dict[str, Any]:
    """At the rate that is promised: how long each waits."""
    # The client's own pauses are not the receiver's.
    gc.collect()
    gc.freeze()
    began = time.perf_counter()
    found = asyncio.run(storm(webhook.url, calls[: len(calls) // 2], CALLERS, rate=RATE))
    return told(found, time.perf_counter() - began) | kept(webhook, calls[: len(calls) // 2])


def killed(webhook: RunningWebhook, calls: Sequence[Call]) -> dict[str, Any]:
    """`kill -9` of the receiver after a third and after two thirds, each time started again at once."""
    due = [len(calls) // 3, 2 * len(calls) // 3]

    def kill(done: int) -> None:
        if due and done >= due[0]:
            due.pop(0)
            threading.Thread(target=again).start()

    def again() -> None:
        webhook.kill()
        webhook.run("--no-dispatch")

    began = time.perf_counter()
    found = asyncio.run(storm(webhook.url, calls, CALLERS, kill))
    return told(found, time.perf_counter() - began) | kept(webhook, calls)


def dispatched(webhook: RunningWebhook, repository: Path, count: int) -> dict[str, Any]:
    """Pushes that are dispatched to a Prefect which goes away in the middle for ten seconds and comes back."""
    branches = [f"branch-{number}" for number in range(6)]
    made = {branch: commits(repository, branch, count // len(branches)) for branch in branches}
    calls = [github_push(str(repository), commit, ref=f"refs/heads/{b}") for b, all_ in made.items() for commit in all_]
    half = len(calls) // 2
    began = time.perf_counter()
    asyncio.run(storm(webhook.url, calls[:half], CALLERS))
    waited(webhook)
    seconds = time.perf_counter() - began
    webhook.prefect.stop()
    asyncio.run(storm(webhook.url, calls[half:], CALLERS))
    time.sleep(10)
    webhook.prefect.start()
    back = time.perf_counter()
    waited(webhook)
    started = Counter(webhook.prefect.refs)
    every = [commit for all_ in made.values() for commit in all_]
    return {
        "events": len(calls),
        "dispatched_per_second": round(half / seconds, 1),
        "caught_up_after_seconds": round(time.perf_counter() - back, 1),
        "lost": len(set(every) - set(started)),
        "doubled": sum(count - 1 for count in started.values()),
        "out_of_order": sum([ref for ref in webhook.prefect.refs if ref in all_] != all_ for all_ in made.values()),
    }


def told(found: Storm, seconds: float) -> dict[str, Any]:
    """The figures of a storm."""
    ordered = sorted(found.seconds)
    return {
        "calls": len(found.accepted) + len(found.known),
        "per_second": round((len(found.accepted) + len(found.known)) / seconds),
        "p50_ms": round(1000 * statistics.median(ordered), 1),
        "p99_ms": round(1000 * ordered[int(len(ordered) * 0.99)], 1),
        "max_ms": round(1000 * ordered[-1], 1),
        "unanswered_tries": found.unanswered,
        "sent_away": found.sent_away,
    }


def kept(webhook: RunningWebhook, calls: Sequence[Call]) -> dict[str, int]:
    """What of the calls is not in the inbox, and what is there twice."""
    with webhook.inbox() as inbox:
        stored = Counter(held.event.delivery for held in inbox.events(limit=10 * len(calls)))
    sent = {call.headers["x-github-delivery"] for call in calls}
    return {"lost": len(sent - set(stored)), "doubled": sum(stored.values()) - len(stored)}


def pushes(repository: Path, count: int) -> list[Call]:
    """So many pushes, each of a commit of its own."""
    return [
        github_push(str(repository), a_commit(number), ref=f"refs/heads/{number % 50}", padding=6000) for number in range(count)
    ]


def commits(repository: Path, branch: str, count: int) -> list[str]:
    """So many commits on a branch, each on the one before."""
    lines = []
    for number in range(count):
        lines += [
            f"commit refs/heads/{branch}",
            f"committer {branch} <a@example.test> {1_700_000_000 + number} +0000",
            "data 1",
            "x",
        ]
    git(repository, "fast-import", "--quiet", "--force", stdin="\n".join([*lines, ""]).encode())
    return git(repository, "rev-list", "--reverse", branch).splitlines()


def waited(webhook: RunningWebhook) -> None:
    """Until nothing waits to be dispatched."""
    with webhook.inbox() as inbox:
        while inbox.backlog().waiting:
            time.sleep(0.1)
        if refused := inbox.events(state=EventState.REFUSED):
            raise RuntimeError(refused[0].reason)


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


if __name__ == "__main__":
    main()
