"""What costs CPU before anybody delivers: the local stack with nothing to do, and the start of commands.

    make bench-idle                # or: python benchmarks/idle/measure.py --seconds 60 --runs 9

Printed: the share of one core that each process of a running stack takes, and how long commands take beside a Python that
does nothing, in turn. Other work on the machine makes both larger.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks.delivery.measure import family_seconds
from pratique.local.stack import LocalStack

CHECKOUT = Path(__file__).parents[2]
PRATIQUE = Path(sys.executable).with_name("pratique")

COMMANDS = {
    "python -I -c pass": [sys.executable, "-I", "-c", "pass"],
    "pratique --version": [str(PRATIQUE), "--version"],
    "pratique --help": [str(PRATIQUE), "--help"],
    "completion of a command": [str(PRATIQUE)],
    "pratique environments": [str(PRATIQUE), "environments"],
    "pratique history": [str(PRATIQUE), "history"],
    "pratique queue": [str(PRATIQUE), "queue"],
    "pratique releases": [str(PRATIQUE), "releases"],
}
COMPLETING = {"_PRATIQUE_COMPLETE": "complete_bash", "COMP_WORDS": "pratique env", "COMP_CWORD": "1"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long the stack is watched, after half as long at rest")
    parser.add_argument("--runs", type=int, default=9, help="of each command, after one that is not counted")
    parser.add_argument("--folder", type=Path, default=Path(".pratique-bench"))
    asked = parser.parse_args()
    stack = LocalStack(asked.folder, CHECKOUT)
    os.environ["PRATIQUE_CONFIG"] = str(stack.config)
    stack.up(print)
    try:
        print(f"\n{os.cpu_count()} cores, Python {platform.python_version()}\n")
        print(resting(stack, asked.seconds))
        print(starting(asked.runs))
    finally:
        stack.down(print)


def resting(stack: LocalStack, seconds: float) -> str:
    """The share of a core that each process takes, as a Markdown table."""
    time.sleep(seconds / 2)
    watched = {one.name: psutil.Process(one.process_id) for one in stack.status()}
    before = {name: family_seconds(process) for name, process in watched.items()}
    time.sleep(seconds)
    shares = {name: 100 * (family_seconds(process) - before[name]) / seconds for name, process in watched.items()}
    rows = [f"| {name} | {share:.1f} % |" for name, share in sorted(shares.items(), key=lambda row: -row[1])]
    total = f"| all of them | {sum(shares.values()):.1f} % |"
    return "\n".join(["| process, with what it started | of one core |", "|---|---|", *rows, total, ""])


def starting(runs: int) -> str:
    """Seconds from start to end of each command, and how many times a bare Python's that is, as a Markdown table."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(runs + 1):
        for name, command in COMMANDS.items():
            taken = timed(command, COMPLETING if name.startswith("completion") else {})
            if run:
                seconds[name].append(taken)
    bare = seconds["python -I -c pass"]
    rows = [
        f"| {name} | {statistics.median(took):.3f} | {min(took):.3f} to {max(took):.3f} "
        f"| {statistics.median(ratios(took, bare)):.1f} |"
        for name, took in seconds.items()
    ]
    return "\n".join(["| command | median, s | least to most | times a bare Python |", "|---|---|---|---|", *rows])


def ratios(took: Sequence[float], bare: Sequence[float]) -> list[float]:
    """Run by run."""
    return [one / other for one, other in zip(took, bare, strict=True)]


def timed(command: Sequence[str], variables: dict[str, str]) -> float:
    """Seconds of wall time."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | variables
    began = time.perf_counter()
    subprocess.run(command, env=environment, capture_output=True, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
