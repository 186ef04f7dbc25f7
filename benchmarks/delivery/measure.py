"""A delivery by Pratique beside the same real work by a shell script, in turn, on the running local stack.

    make bench-delivery            # or: python benchmarks/delivery/measure.py --runs 5

Printed for each: wall times, the ratio pair by pair, what orchestration adds, a delivery that has nothing to do,
and the memory of server, worker and flow run. It needs `cosign`, `syft` and `aws` on the PATH (the make target brings them).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from pratique.bootstrap import Clients
from pratique.clients.prefect import Run
from pratique.local.example import commit_example
from pratique.local.stack import LocalStack
from pratique.settings import load_settings

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples" / "hello"
SCRIPT = Path(__file__).with_name("by_script.sh")


def main() -> None:
    """Measure, print, and write the figures to `--json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="pairs that are counted, after one that is not")
    parser.add_argument("--folder", type=Path, default=Path(".pratique-bench"))
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    asked = parser.parse_args()
    missing = [tool for tool in ("cosign", "syft", "aws", "bao", "docker", "curl") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"not on the PATH: {', '.join(missing)}; `make bench-delivery` brings them")
    stack = LocalStack(asked.folder, CHECKOUT)
    os.environ["PRATIQUE_CONFIG"] = str(stack.config)
    stack.up(print)
    try:
        figures = measure(stack, asked.runs)
    finally:
        remove_containers()
        stack.down(print)
    print(report(figures))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


def measure(stack: LocalStack, runs: int) -> dict[str, list[float]]:
    """Seconds (and MiB) for each measure, one entry a run."""
    ours, theirs = stack.folder / "bench-pratique", stack.folder / "bench-script"
    environment = script_environment(stack)
    figures: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        figures.setdefault(name, []).append(value)

    for run in range(runs + 1):
        commit(ours, run)
        commit(theirs, run)
        script = timed(lambda: call([str(SCRIPT), str(theirs), "bench-script"], environment))
        with peak_memory(stack) as memory, used_cpu(stack) as cpu:
            wall = timed(lambda: deliver(ours))
        overhead, critical = orchestration(wall)
        nothing = timed(lambda: deliver(ours))
        print(f"run {run}: script {script:.2f} s, pratique {wall:.2f} s, nothing to do {nothing:.2f} s", flush=True)
        if run == 0:
            continue
        for name, value in (
            ("script", script),
            ("pratique", wall),
            ("ratio", wall / script),
            ("critical path", critical),
            ("overhead share", overhead / wall),
            ("nothing to do", nothing),
            *((f"CPU of {name}, seconds", seconds) for name, seconds in cpu.items()),
            ("CPU of all of them, seconds", sum(cpu.values())),
            *((f"{name} MiB", size) for name, size in memory.items()),
        ):
            note(name, value)
    return figures


def deliver(repository: Path) -> None:
    """One delivery, from command to end."""
    call([str(Path(sys.executable).with_name("pratique")), "deliver", str(repository), "--json"], dict(os.environ))


def orchestration(wall: float) -> tuple[float, float]:
    """What the newest delivery spent outside its steps, and the length of the steps themselves (one image: a straight line)."""
    clients = Clients(load_settings())
    with clients.prefect() as prefect:
        # Promotions carry the tag of their delivery, the delivery itself does not. Runs come oldest first.
        found = prefect.runs_tagged("service:hello")
        *_, last = (run for run in found if not any(tag.startswith("delivery:") for tag in run.tags))
        family = prefect.family(last.id, f"delivery:{last.id}")
        steps = prefect.tasks([run.id for run in family], datetime.min.replace(tzinfo=UTC))
    work = sum((length(step) for step in steps if not step.name.startswith("promote to ")), timedelta()).total_seconds()
    return wall - work, work


def length(step: Run) -> timedelta:
    """From its start to its end."""
    if step.start_time is None or step.end_time is None:
        return timedelta()
    return step.end_time - step.start_time


@contextmanager
def peak_memory(stack: LocalStack) -> Iterator[dict[str, float]]:
    """The largest resident set seen, in MiB, of the Prefect server, of the worker, and of any one flow run."""
    peaks: dict[str, float] = {}
    over = threading.Event()
    found = {status.name: status.process_id for status in stack.status()}
    watched = {name: psutil.Process(found[name]) for name in ("prefect", "worker")}

    def look() -> None:
        while not over.wait(0.1):
            for name, process in watched.items():
                members = {"server" if name == "prefect" else "worker": [process]}
                if name == "worker":
                    members["flow run"] = process.children(recursive=True)
                for label, member in ((label, member) for label, found in members.items() for member in found):
                    try:
                        size = member.memory_info().rss / 2**20
                    except psutil.NoSuchProcess:
                        continue
                    peaks[label] = max(peaks.get(label, 0.0), size)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


@contextmanager
def used_cpu(stack: LocalStack) -> Iterator[dict[str, float]]:
    """Seconds of CPU of each process of the stack with those that it has waited for, and of the command; filled at the end.

    Flow runs are the worker's: their processes are children of its forking server, which is a child of its own.
    """
    found = {status.name: status.process_id for status in stack.status()}
    names = {
        "worker": "worker and flow runs",
        "prefect": "Prefect server",
        "dockerd": "engine",
        "aws": "AWS endpoint",
        "openbao": "OpenBao",
    }
    watched = {names.get(name, name): psutil.Process(process) for name, process in found.items()}

    def look() -> dict[str, float]:
        used = {name: family_seconds(process) for name, process in watched.items()}
        return {**used, "the command": sum(os.times()[2:4])}

    before, cpu = look(), {}
    yield cpu
    cpu.update({name: seconds - before[name] for name, seconds in look().items()})


def family_seconds(process: psutil.Process) -> float:
    """Of the process, of what runs below it, and of what has ended there."""
    total = 0.0
    for member in (process, *process.children(recursive=True)):
        try:
            total += sum(member.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total


def commit(repository: Path, run: int) -> None:
    """A new commit of the example that changes what it serves; queues named after the repository, so that two can be."""
    if not repository.exists():
        commit_example(EXAMPLE, repository)
        template = repository / "infrastructure" / "messages" / "template.yaml"
        template.write_text(template.read_text().replace("hello", repository.name))
    serve = repository / "serve"
    serve.write_text(f"{serve.read_text().rstrip()}\n# run {run} at {time.time_ns()}\n")
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.test", "-c", "commit.gpgsign=false"]
    call(["git", "-C", str(repository), *identity, "commit", "--quiet", "--all", "--message", f"Run {run}"], dict(os.environ))


def script_environment(stack: LocalStack) -> dict[str, str]:
    """Where the script finds everything, and the credentials it needs."""
    settings = load_settings()
    work = stack.folder / "bench-work"
    work.mkdir(exist_ok=True)
    openbao = stack.openbao()
    with Clients(settings).vault() as vault:
        (work / "key.pem").write_text(vault.public_key("pratique")[1])
    for environment in ("dev", "staging", "prod"):
        openbao.seed_secret(f"bench-script/{environment}", {"db_password": "bench-password"})
    with openbao.administration() as client:
        token = str(client.token)
    return {
        **os.environ,
        "WORK": str(work),
        "REGISTRY": settings.registry.address,
        "VAULT_ADDR": openbao.address,
        "BAO_ADDR": openbao.address,
        "VAULT_TOKEN": token,
        "BAO_TOKEN": token,
        "COSIGN_PASSWORD": "",
        "AWS_ENDPOINT_URL": str(settings.environments["dev"].aws.endpoint),
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench-password",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "DOCKER_BUILDKIT": "0",
    }


def remove_containers() -> None:
    """What the script left running."""
    docker = str(shutil.which("docker"))
    listing = [docker, "ps", "-aq", "--filter", "label=benchmark"]
    found = subprocess.run(listing, capture_output=True, text=True, check=True)
    if identifiers := found.stdout.split():
        call([docker, "rm", "--force", *identifiers], dict(os.environ))


def timed(work: Callable[[], None]) -> float:
    """Seconds of wall time."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def call(command: list[str], environment: dict[str, str]) -> None:
    """Run it, and stop with what it said where it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def report(figures: dict[str, list[float]]) -> str:
    """A Markdown table: minimum, median and maximum of each."""
    lines = [f"{os.cpu_count()} cores, Python {platform.python_version()}, {len(figures['ratio'])} pairs", ""]
    lines += ["| measure | min | median | max |", "|---|---|---|---|"]
    for name, values in figures.items():
        lines.append(f"| {name} | {min(values):.2f} | {statistics.median(values):.2f} | {max(values):.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
