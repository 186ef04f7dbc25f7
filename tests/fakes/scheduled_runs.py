"""As much of a Prefect server as those who start and skip runs ask for, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pratique.clients.prefect import Run
from pratique.values.answer import Answer


class FakeRuns:
    """Runs by id; a key gives the same run again."""

    def __init__(self, *runs: Run) -> None:
        self.runs = {run.id: run for run in runs}
        self.skipped: dict[str, str] = {}
        self.started: dict[str, Run] = {}
        self.asked: list[dict[str, Any]] = []
        self.resumed: list[str] = []

    def start(self, deployment: str, parameters: Mapping[str, Any], *, key: str | None = None, tags: Sequence[str] = ()) -> Run:
        self.asked.append({"deployment": deployment, "parameters": dict(parameters), "key": key, "tags": list(tags)})
        return self.started.setdefault(str(key), Run(id=f"run-{len(self.started) + 1}", name="promote", state_type="SCHEDULED"))

    def run(self, run_id: str) -> Run:
        return self.runs[run_id]

    def find(self, run_id: str) -> Run | None:
        return self.runs.get(run_id)

    def resume(self, run_id: str, answer: Answer) -> bool:
        assert answer.decision == "look again", "nobody approves by resuming"
        self.resumed.append(run_id)
        return True

    def due(self, deployment_id: str, now: datetime) -> tuple[Run, ...]:
        found = [run for run in self.runs.values() if run.deployment_id == deployment_id and run.expected_start_time <= now]
        return tuple(sorted(found, key=lambda run: run.expected_start_time, reverse=True))

    def skip(self, run: Run, why: str) -> None:
        self.skipped[run.id] = why
        self.runs[run.id] = run.model_copy(update={"state_type": "CANCELLED"})

    def page(self, run: Run) -> str:
        return f"http://prefect/{run.id}"
