"""A command of `pratique` that runs while something goes wrong, watched through Prefect's API and the machine's processes."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

import psutil

from pratique.local.process import Processes
from pratique.warm.forks import has_process
from tests.services.stack import PRATIQUE, RunningStack

T = TypeVar("T")

GIVES_UP_AFTER = 240.0
"""Seconds after which what a test waits for is taken not to come any more; measures nothing."""


def eventually(look: Callable[[], T | None], what: str) -> T:
    """What `look` gives as soon as it is something true."""
    end = time.monotonic() + GIVES_UP_AFTER
    while not (found := look()):
        assert time.monotonic() < end, f"it did not come to this: {what}"
        time.sleep(0.1)
    return found


class Gate:
    """Holds a request, as in `FaultProxy.before(gate)`, until it is opened; the first `passing` ones go through."""

    def __init__(self, passing: int = 0) -> None:
        self.requests = passing + 1
        """How many come to it, the held one among them."""
        self._left = passing
        self._reached, self._opened = threading.Event(), threading.Event()

    def __call__(self) -> None:
        if self._left:
            self._left -= 1
            return
        self._reached.set()
        self._opened.wait(GIVES_UP_AFTER)

    def until_reached(self) -> None:
        assert self._reached.wait(GIVES_UP_AFTER), "nothing came to the gate"

    def open(self) -> None:
        self._opened.set()


class Command:
    """`pratique deliver …`, `promote …` or `rollback …`, in the background until its block is left."""

    def __init__(self, stack: RunningStack, *arguments: object) -> None:
        self._stack = stack
        self._arguments = [str(argument) for argument in arguments]
        self._api = stack.prefect_api()
        self.run_id = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [PRATIQUE, *self._arguments],
            cwd=self._stack.folder,
            env=self._stack.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        said = ""
        for line in self._process.stdout:
            said += line
            if found := re.search(r"/flow-run/([0-9a-f-]{36})", line):
                self.run_id = found[1]
                return self
        raise AssertionError(f"it ended before it had a run: {said}")

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._api.close()

    def ended(self) -> tuple[int, str]:
        """Exit code and output, once it has ended."""
        output, _ = self._process.communicate(timeout=GIVES_UP_AFTER)
        return self._process.returncode, output

    def run_of(self, environment: str) -> str:
        """The run in which the delivery promotes to the environment, once there is one."""
        wanted = {"tags": {"all_": [f"delivery:{self.run_id}", f"environment:{environment}"]}}

        def look() -> str | None:
            runs = self._ask("/flow_runs/filter", {"flow_runs": wanted})
            return str(runs[0]["id"]) if runs else None

        return eventually(look, f"the delivery promotes to {environment}")

    def inside(self, step: str) -> None:
        """Return while the step, such as `deploy to dev`, runs."""
        eventually(lambda: any(one["name"] == step and one["state_type"] == "RUNNING" for one in self.steps()), f"{step} runs")

    def attempts(self, step: str = "") -> dict[str, int]:
        """How often each step was begun, by its name: those of the run, its sub-flows, and the promotions it started."""
        return {one["name"]: one["run_count"] for one in self.steps() if step in one["name"]}

    def state(self, run_id: str | None = None) -> str:
        """The name of the state that a run is in."""
        return str(self._api.get(f"/flow_runs/{run_id or self.run_id}").raise_for_status().json()["state_name"])

    def last_line(self, run_id: str) -> str:
        """What we wrote last to the log of a run; Prefect adds a line of its own when the run has ended."""
        wanted = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_DESC", "limit": 20}
        lines = [str(one["message"]) for one in self._ask("/logs/filter", wanted)]
        return next((line for line in lines if not line.startswith("Finished in state ")), "")

    def cancel(self, run_id: str) -> None:
        """Ask Prefect to cancel a run, as a person does in its UI."""
        state = {"type": "CANCELLING", "name": "Cancelling"}
        self._api.post(f"/flow_runs/{run_id}/set_state", json={"state": state}).raise_for_status()

    def steps(self) -> list[dict[str, Any]]:
        """The task runs of the run, its sub-flows, and the promotions it started."""
        tagged = {"tags": {"all_": [f"delivery:{self.run_id}"]}}
        relatives = [
            *self._ask("/flow_runs/filter", {"flow_runs": {"parent_flow_run_id": {"any_": [self.run_id]}}}),
            *self._ask("/flow_runs/filter", {"flow_runs": tagged}),
        ]
        family = [self.run_id, *(run["id"] for run in relatives)]
        steps = {"subflow_runs": {"exists_": False}}
        return self._ask("/task_runs/filter", {"flow_runs": {"id": {"any_": family}}, "task_runs": steps})

    def _ask(self, path: str, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.post(path, json=dict(wanted)).raise_for_status().json()
        return found


def service_process(stack: RunningStack, name: str) -> psutil.Process:
    """A process of the stack, such as its worker."""
    found = Processes(stack.folder / "processes").running(name)
    assert found is not None, f"{name} does not run"
    return found


def process_of(stack: RunningStack, run_id: str) -> psutil.Process:
    """The process in which a flow run works, by the note that the worker keeps of it."""
    note = stack.folder / "worker" / "runs" / run_id

    def look() -> psutil.Process | None:
        return psutil.Process(int(note.read_text().partition(" ")[0])) if has_process(note) else None

    return eventually(look, f"run {run_id} has a process")
