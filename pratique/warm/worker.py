"""A worker of a work pool: what it was doing when it died is recorded, then this process becomes Prefect's worker.

Whoever supervises it (systemd, a container's restart policy) starts it again when it ends. It then finds the notes that
runs of its earlier life have left in `<folder>/runs`, and records those that have no process any more as crashed: at once,
where the watch would wait for their silence.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from pratique.bootstrap import Clients
from pratique.clients.pauses import pause
from pratique.clients.ports import Log
from pratique.clients.prefect import prefect_environment
from pratique.errors import Refused, Transient
from pratique.settings import Settings, settings_file
from pratique.warm import FLOWS, POOL_TYPE
from pratique.warm.forks import CHECKOUT, runs_with_a_process

CALL = "tasks._running:run"
"""What a forked process does."""

PRELOADED = (
    "prefect.engine",
    "prefect.flow_engine",
    *(f"flows.{name}" for name in FLOWS),
    "pratique.clients.cloudformation",
    "pratique.clients.engine",
    "pratique.clients.git",
    "pratique.clients.ledger",
    "pratique.clients.sigstore",
    "tasks._forked",
)
"""What the forking server imports: the engine, the flows, clients that take long, and what runs would make for themselves."""

PROGRAM = CHECKOUT / "deployments" / "prefect_worker.py"
"""Prefect's worker, woken by the server's events."""

FOLDER_VARIABLE, FLOWS_VARIABLE, MODULES_VARIABLE = "PRATIQUE_WORKER_FOLDER", "PRATIQUE_WORKER_FLOWS", "PRATIQUE_WORKER_MODULES"
"""By which the program is told what its command line has no place for; it says what each holds."""

HEALTH_PORT = "PREFECT_WORKER_WEBSERVER_PORT"
"""Prefect's variable; where it is set, the worker answers there whether it still polls."""

EVERYWHERE = "pratique"
"""The name of the deployments of flows that belong to no environment."""


def deployments_of(settings: Settings) -> frozenset[str]:
    """The deployments whose runs a worker takes: ours, and those that the operator names for environments."""
    return frozenset({EVERYWHERE, *(place.deployment.rpartition("/")[2] for place in settings.environments.values())})


class Program(NamedTuple):
    """How a worker is started: its command line and the variables that it needs besides those that everything has."""

    command: list[str]
    environment: dict[str, str]


def program(pool: str, name: str, folder: Path, *, flows: Sequence[str] = (), modules: Sequence[str] = ()) -> Program:
    """The worker of a pool; where `flows` are named, it runs these and no others. `modules` are imported besides."""
    if unknown := sorted(set(flows) - set(FLOWS)):
        raise Refused(f"no flow {', '.join(unknown)}: there are {', '.join(FLOWS)}")
    command = [sys.executable, str(PROGRAM), "worker", "start", "--pool", pool, "--type", POOL_TYPE, "--name", name]
    told = {FOLDER_VARIABLE: str(folder), FLOWS_VARIABLE: ",".join(flows), MODULES_VARIABLE: ",".join(modules)}
    return Program(command, told)


def work(clients: Clients, start: Program, name: str, *, folder: Path, log: Log) -> NoReturn:
    """Work until told to end; SIGTERM and SIGINT let runs finish."""
    _record_lost(clients, folder / "runs", name, log)
    environment = {
        **os.environ,
        **prefect_environment(clients.settings.prefect),
        # Runs work in the checkout, wherever this was started.
        "PRATIQUE_CONFIG": str(settings_file().resolve()),
        **start.environment,
    }
    command = [*start.command, "--with-healthcheck"] if HEALTH_PORT in os.environ else start.command
    # Also where they were ignored, as in a script's background: Prefect's worker ends itself by SIGINT.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.execve(command[0], command, environment)  # noqa: S606  # no shell is the point


def _record_lost(clients: Clients, notes: Path, name: str, log: Log) -> None:
    found = {note.name: note for note in notes.iterdir()} if notes.is_dir() else {}
    for run_id in runs_with_a_process(notes):
        del found[run_id]
    while found:
        try:
            with clients.prefect() as prefect:
                for run_id, note in sorted(found.items()):
                    try:
                        run = prefect.run(run_id)
                    except Refused:
                        run = None
                    if run and not run.is_final and prefect.crash(run, f"its process was gone when worker {name} came up"):
                        log(f"{run.name} ({run.id}) had lost its process, and is recorded as crashed")
                    note.unlink(missing_ok=True)
                    del found[run_id]
        except Transient as fault:
            log(f"asking again what became of {len(found)} run(s): {fault}")
            pause(2)
