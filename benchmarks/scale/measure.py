"""Promotions of many services on PostgreSQL and Redis by one, two and four workers, undisturbed and with workers killed.

    make bench-scale               # or: python -m benchmarks.scale.measure --services 30 --workers 1 2 4

Each delivery promotes a signed release through dev, staging and prod. What it deploys to is the recording target
(`tests/recording/`): real containers would measure the engine. Its log is the proof: each release written once in each place,
no two holders in one place at once, nothing written under a fence that was not the highest.
Where something is killed, it is a run's process three times of four, and a worker with everything it runs the fourth time.
Printed for each: seconds, promotions per second, attempts, what was killed. It fails where the log does not prove it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.recording.driving import Losing, Outcome, deliver_all, services
from tests.services.shared_stack import ENVIRONMENTS, SharedStack

RUNS_A_WORKER = 4
"""Half of them deliveries, which wait for the others; more would only share the two cores in smaller parts."""


def main() -> None:
    """Measure, print, and write the figures to `--json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=30)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--every", type=float, default=6, help="seconds from one `kill -9` to the next, on average")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds that a deployment works at the target")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--only", choices=["calm", "killed"], help="leave out the other half")
    asked = parser.parse_args()
    # Ended from outside, it leaves nothing behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    stack = SharedStack(seconds=asked.seconds)
    names = [f"service-{number:02}" for number in range(asked.services)]
    rows: list[dict[str, Any]] = []
    try:
        stack.up(runs_at_once=RUNS_A_WORKER)
        for count in asked.workers:
            stack.install(Path("deployments/prefect.yaml"), RUNS_A_WORKER * count)
            workers = [f"worker-{number}" for number in range(1, count + 1)]
            for half in ("calm", "killed"):
                if asked.only in {None, half}:
                    rows.append(measure(stack, names, workers, asked.every if half == "killed" else None))
                    print(json.dumps(rows[-1]), flush=True)
            for worker in workers:
                stack.kill(worker)
    finally:
        stack.down()
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2))
    if any(row["unproved"] for row in rows):
        sys.exit("the target's log does not prove what it should")


def measure(stack: SharedStack, names: Sequence[str], workers: Sequence[str], every: float | None) -> dict[str, Any]:
    """One row: a new release of every service, promoted through every environment."""
    for worker in workers:
        stack.start_worker(worker)
    for worker in workers:
        stack.until_working(worker)
    releases = services(stack, names)
    losing = None if every is None else Losing(stack, workers, every)
    load, cpu = os.getloadavg()[0], stack.cpu_seconds()
    outcome = deliver_all(stack, releases, losing)
    promotions = len(releases) * len(ENVIRONMENTS)
    return {
        "workers": len(workers),
        "killed every": every,
        "seconds": round(outcome.seconds, 1),
        "promotions a minute": round(60 * promotions / outcome.seconds, 1),
        "workers killed": outcome.losses.workers,
        "runs killed with them": outcome.losses.runs,
        "runs killed alone": outcome.losses.alone,
        "died inside the target": outcome.proof.died_inside,
        "attempts of deliveries": outcome.attempts,
        "promotions begun": len(outcome.promotions),
        "granted": len(outcome.granted(with_changes=True)),
        "granted as done already": len(outcome.granted(with_changes=False)),
        "load before": round(load, 1),
        # Of a worker that was killed nobody knows any more what it had used.
        "cpu seconds": {} if every else _grouped({name: used - cpu.get(name, 0) for name, used in stack.cpu_seconds().items()}),
        "unproved": problems(outcome, [stored.digest for stored in releases], promotions),
    }


def _grouped(used: dict[str, float]) -> dict[str, float]:
    """Workers as one."""
    found: dict[str, float] = {}
    for name, seconds in used.items():
        group = "workers" if name.startswith("worker-") else name
        found[group] = round(found.get(group, 0.0) + seconds, 1)
    return found


def problems(outcome: Outcome, digests: Sequence[str], promotions: int) -> list[str]:
    """What the target's log, the ledger and Prefect do not agree to: nothing, where all is well."""
    writes = [count for (*_, release), count in outcome.proof.writes.items() if release in digests]
    found = [*outcome.proof.overlaps, *outcome.proof.unfenced]
    if writes != [1] * promotions:
        found.append(f"{len(writes)} of {promotions} were written, at most {max(writes, default=0)} times each")
    if outcome.proof.taken_over:
        found.append(f"{outcome.proof.taken_over} holders came in while another one was alive there")
    if len(outcome.granted(with_changes=True)) != promotions:
        found.append(f"{len(outcome.granted(with_changes=True))} of {promotions} were granted")
    found += [f"{run.name}: {run.state_name}: {run.message}" for run in outcome.deliveries if run.state_name != "Completed"]
    return found


if __name__ == "__main__":
    main()
