"""Where the time of a test run goes: `pytest --costs FILE` writes it at the end, and prints it.

Two measurements, because neither alone says everything:

* *By kind of test.* Each process of pytest counts, around each set-up, call and tear-down, the CPU of itself and of
  everything below it in the process tree, those that have ended and were waited for included.
* *By process.* The process that leads the run looks at every process of the machine twice a second and remembers the CPU
  of each that began after it. One that lived shorter than that is in no row but the last, which is what the machine's
  processors did in all (`/proc/stat`).

Linux only: elsewhere the option is refused.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

EVERY = 0.5
"""Seconds between two looks at the machine's processes."""

YOUNG = 4
"""So many looks long what a process is called is asked anew: it may become another program."""

TICKS = os.sysconf("SC_CLK_TCK")
"""Units of `/proc/<pid>/stat` in a second; see proc(5)."""

SLOWEST = 20

KINDS = {
    r"pratique\.warm|prefect\.engine": "flow runs and their forking server",
    r"prefect_server\.py|prefect server|prefect_database\.py": "Prefect server",
    r"prefect worker|prefect_worker\.py|tests\.recording\.worker|pratique worker": "Prefect worker",
    r"dockerd|containerd|runc|docker-proxy": "engine",
    r"docker-registry|registry-referrers": "registry",
    r"aws_endpoint": "AWS endpoint",
    r"\bbao\b": "OpenBao",
    r"postgres|initdb|pg_isready": "PostgreSQL",
    r"redis-server": "Redis",
    r"clients/rego/": "policy engine",
    r"^\S*syft": "syft",
    r"^\S*(cosign|osv-scanner)": "cosign, OSV-Scanner",
    r"^\S*/go\b": "Go's compiler",
    r"^\S*git\b": "git",
    r"bin/pratique": "pratique commands",
    r"pytest|execnet": "pytest",
    r"haproxy|busybox|/serve": "containers",
}
"""What a command line contains, and what it is then called; the first that fits counts."""


@dataclass
class Cost:
    """What the tests of a kind took, in seconds."""

    tests: int = 0
    wall: float = 0
    cpu: float = 0


@dataclass
class Costs:
    """What was measured of a run."""

    kinds: dict[str, Cost] = field(default_factory=lambda: defaultdict(Cost))
    phases: list[tuple[float, str, str]] = field(default_factory=list)
    """Seconds, *set-up*, *call* or *tear-down*, and the test."""

    def add(self, report: pytest.TestReport) -> None:
        kind = kind_of(report.nodeid)
        cost = self.kinds[kind]
        cost.tests += report.when == "call"
        cost.wall += report.duration
        cost.cpu += getattr(report, "cpu", 0.0)
        self.phases.append((report.duration, report.when or "", report.nodeid))


def kind_of(nodeid: str) -> str:
    """`unit`, `contract`, …: the folder below `tests/`."""
    parts = Path(nodeid.split("::", maxsplit=1)[0]).parts
    return parts[1] if len(parts) > 2 else "other"  # tests/KIND/FILE


def kind_of_process(command: str) -> str:
    """What a process is called in the table."""
    return next((kind for pattern, kind in KINDS.items() if re.search(pattern, command)), "others")


class Watch:
    """The CPU of every process that began after this one, by process, as last seen."""

    def __init__(self) -> None:
        self._began = _ticks_since_boot()
        self._busy = _busy_seconds()
        self._seen: dict[tuple[int, int], tuple[str, float, int]] = {}
        """By process: what it is called, its seconds, and how often it was looked at."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="costs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def by_process(self) -> Mapping[str, float]:
        """Seconds of CPU, most first; what is in no process that was seen comes last."""
        found: dict[str, float] = defaultdict(float)
        for kind, cpu, _ in tuple(self._seen.values()):
            found[kind] += cpu
        rest = _busy_seconds() - self._busy - sum(found.values())
        rows = dict(sorted(found.items(), key=lambda row: -row[1]))
        return {**rows, "too short to be seen, and the rest of the machine": max(rest, 0.0)}

    def _look(self) -> None:
        while not self._ended.wait(EVERY):
            self._remember()

    def _remember(self) -> None:
        for process, stat in _processes():
            began = int(stat[19])
            if began < self._began and process != os.getpid():
                continue
            seen = self._seen.get((process, began))
            if seen is None or seen[2] < YOUNG:
                kind, looks = kind_of_process(_command(process, stat)), seen[2] + 1 if seen else 1
            else:
                kind, _, looks = seen
            self._seen[process, began] = (kind, (int(stat[11]) + int(stat[12])) / TICKS, looks)


@dataclass(eq=False)
class Plugin:
    """What counts in each process of pytest, and what adds it up in the one that leads."""

    leads: bool
    file: Path
    costs: Costs = field(default_factory=Costs)
    watch: Watch = field(default_factory=Watch)
    began: float = field(default_factory=time.monotonic)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._last = self._cpu(item)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report = yield
        now = self._cpu(item)
        # Anything that a report carries comes with it from one process of pytest to the other.
        report.cpu = now - self._last
        self._last = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.leads:
            self.costs.add(report)

    def pytest_sessionfinish(self) -> None:
        if self.leads:
            self.watch.stop()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.leads:
            text = table(self.costs, self.watch.by_process(), time.monotonic() - self.began)
            self.file.write_text(text)
            terminalreporter.section("costs")
            terminalreporter.write(text)

    def _cpu(self, item: pytest.Item) -> float:
        # Thousands of unit tests start next to nothing: looking at the process tree would cost more than they do.
        if kind_of(item.nodeid) == "unit":
            used = os.times()
            return sum(used[:4])
        return tree_seconds(os.getpid())


def table(costs: Costs, by_process: Mapping[str, float], wall: float) -> str:
    """The three tables, as text that Markdown shows as tables."""
    kinds = [
        (kind, str(cost.tests), f"{cost.wall:.0f}", f"{cost.cpu:.0f}")
        for kind, cost in sorted(costs.kinds.items(), key=lambda row: -row[1].wall)
    ]
    total = sum(by_process.values())
    processes = [(kind, f"{cpu:.0f}", f"{100 * cpu / total:.0f} %") for kind, cpu in by_process.items() if cpu >= 1]
    slowest = sorted(costs.phases, reverse=True)[:SLOWEST]
    return "\n".join(
        [
            f"{sum(cost.tests for cost in costs.kinds.values())} tests in {wall:.0f} s; {total:.0f} s of CPU",
            "",
            *_rows(("kind of test", "tests", "seconds", "seconds of CPU below pytest"), kinds),
            "",
            *_rows(("process", "seconds of CPU", "of all"), processes),
            "",
            *_rows(("seconds", "of", "test"), [(f"{took:.0f}", when, f"`{name}`") for took, when, name in slowest]),
            "",
        ]
    )


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def tree_seconds(root: int) -> float:
    """The CPU of a process and of everything below it, with what has ended there."""
    parents: dict[int, list[int]] = defaultdict(list)
    used: dict[int, int] = {}
    for process, stat in _processes():
        parents[int(stat[1])].append(process)
        used[process] = sum(map(int, stat[11:15]))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        total += used.get(process, 0)
        waiting += parents[process]
    return total / TICKS


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Each process, and the fields of its `stat` from the third on; see proc(5)."""
    for name in os.listdir("/proc"):  # noqa: PTH208  # asked for twice a second
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:  # noqa: PTH123
                    yield int(name), file.read().rpartition(")")[2].split()
            except OSError:
                continue


def _command(process: int, stat: Sequence[str]) -> str:
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:  # noqa: PTH123
            return file.read(2000).replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return stat[0]


def _ticks_since_boot() -> int:
    return int(float(Path("/proc/uptime").read_text().split()[0]) * TICKS)


def _busy_seconds() -> float:
    """What all processors did since the machine started, idle and waiting for disks left out; see proc(5)."""
    fields = [int(number) for number in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / TICKS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--costs", type=Path, metavar="FILE", help="write there where the time of this run went, and print it")


def pytest_configure(config: pytest.Config) -> None:
    file: Path | None = config.getoption("--costs")
    if file is None:
        return
    if sys.platform != "linux":
        raise pytest.UsageError("--costs reads /proc, which only Linux has: leave it out")
    plugin = Plugin(leads=not hasattr(config, "workerinput"), file=file)
    config.pluginmanager.register(plugin, "costs")
    if plugin.leads:
        plugin.watch.start()
