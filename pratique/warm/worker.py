"""A worker of a shared work pool: Prefect's own, and the warm server that starts its runs; they live and die together.

Whoever supervises it (systemd, a container's restart policy) starts it again when it ends. It then finds the notes that
runs of its earlier life have left in `<folder>/warm.sock.runs`, and records those that have no process any more as
crashed: at once, where the watch would wait for their silence.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import psutil

from pratique.bootstrap import Clients
from pratique.clients.pauses import pause
from pratique.clients.ports import Log
from pratique.clients.prefect import prefect_environment
from pratique.errors import Refused, Transient
from pratique.warm.job_template import SOCKET_VARIABLE

PRELOADED = (
    "prefect.engine",
    "prefect.flow_engine",
    "flows.advance",
    "flows.deliver",
    "flows.promote",
    "flows.rollback",
    "pratique.clients.cloudformation",
    "pratique.clients.engine",
    "pratique.clients.git",
    "pratique.clients.ledger",
    "pratique.clients.sigstore",
    "tasks._forked",
)
"""What the warm server imports: the engine, every flow, the clients that take long, and what runs would make for themselves."""

WORKER_PROGRAM = Path("deployments/prefect_worker.py")
"""Prefect's own worker, woken by the server's events; in the checkout."""

STARTS_WITHIN = 120.0
"""Seconds, on a busy machine."""

HEALTH_PORT = "PREFECT_WORKER_WEBSERVER_PORT"
"""Prefect's variable; where it is set, the worker answers there whether it still polls."""


def work(clients: Clients, pool: str, name: str, *, folder: Path, log: Log, preloaded: Sequence[str] = PRELOADED) -> int:
    """Work until told to end (SIGTERM, SIGINT: runs may finish) or until one of the two processes has ended; an exit status."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "warm.sock"
    notes = Path(f"{path}.runs")
    notes.mkdir(exist_ok=True, mode=0o700)
    told: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        told.append(number)

    # Also where they were ignored, as in a script's background: Prefect's worker ends itself by SIGINT, and would inherit that.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, remember)
    _record_lost(clients, notes, name, log)
    environment = {**os.environ, **prefect_environment(clients.settings.prefect), SOCKET_VARIABLE: str(path)}
    warm = subprocess.Popen([sys.executable, "-m", "pratique.warm.server", str(path), *preloaded], env=environment)
    try:
        _await(path, warm, told)
        program = [sys.executable, str(Path(__file__).parents[2] / WORKER_PROGRAM)]
        command = [*program, "worker", "start", "--pool", pool, "--type", "process", "--name", name]
        command += ["--with-healthcheck"] if HEALTH_PORT in os.environ else []
        worker = subprocess.Popen(command, env=environment)
        try:
            while not told and worker.poll() is None and warm.poll() is None:
                time.sleep(0.2)
        finally:
            # It gives back no run that is being made: those end first, as long as the supervisor lets them.
            worker.send_signal(signal.SIGTERM)
            status = worker.wait()
    finally:
        warm.terminate()
        warm.wait()
    return 0 if told else status or 1


def _record_lost(clients: Clients, notes: Path, name: str, log: Log) -> None:
    found = {note.name: note for note in notes.iterdir()}
    for run_id in runs_with_a_process() & found.keys():
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


def runs_with_a_process() -> set[str]:
    """The flow runs that some process of this machine works on, by the variable with which Prefect starts each of them."""
    found = set()
    for process in psutil.process_iter():
        try:
            found.add(process.environ().get("PREFECT__FLOW_RUN_ID", ""))
        except psutil.Error:
            # It has ended meanwhile, or is another user's.
            continue
    return found


def _await(path: Path, warm: subprocess.Popen[bytes], told: Sequence[int]) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while not told and not answers(path):
        if warm.poll() is not None:
            raise Refused(f"the warm server ended while it started, with status {warm.returncode}: its words stand above")
        if time.monotonic() > end:
            raise Refused(f"the warm server did not answer within {STARTS_WITHIN:.0f} s")
        time.sleep(0.1)


def answers(path: Path) -> bool:
    """Whether a warm server listens there."""
    # One that was killed leaves its socket behind, so that there is one says nothing.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
