"""A Prefect server in memory, as far as the watch and workers ask it: runs, their states, events, and a clock of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pratique.clients.prefect import Run
from pratique.errors import Refused, Transient

UNFINISHED = ("PENDING", "RUNNING", "CANCELLING")


class FakePrefect:
    """Runs by id; while it is `gone` it does not answer, while it is `deaf` events do not come through."""

    def __init__(self, clock: datetime) -> None:
        self.clock = clock
        self.runs: dict[str, Run] = {}
        self.parents: dict[str, str] = {}
        """Of a sub-flow's run: the run that it is part of."""
        self.gone = False
        self.deaf = False
        self._events: dict[tuple[str, str], datetime] = {}

    def add(self, run_id: str, state: str = "RUNNING", **fields: Any) -> Run:
        """A run that comes to this state now."""
        known = {"name": run_id, "tags": ("pratique",), "deployment_id": "d", "run_count": 1, "start_time": self.clock}
        if state == "CRASHED":
            known["end_time"] = self.clock
        told = {"state_type": state, "state_id": f"{run_id}-{state}", "state": {"timestamp": self.clock.isoformat()}}
        self.runs[run_id] = Run.model_validate({"id": run_id, **known, **told, **fields})
        return self.runs[run_id]

    def beat(self, run_id: str) -> None:
        """A heartbeat of a run, which is lost while nobody can hear it."""
        if not self.gone:
            self._happen("prefect.flow-run.heartbeat", f"prefect.flow-run.{run_id}", self.clock)

    def emit(self, event: str, resource: str, at: datetime) -> None:
        self._answer()
        self._happen(event, resource, at)

    def last_event(self, event: str, resource: str, since: datetime) -> datetime | None:
        self._answer()
        last = self._events.get((event, resource))
        return last if last is not None and last >= since else None

    def start(self, deployment: str, parameters: Mapping[str, Any], *, key: str, tags: Sequence[str] = ()) -> Run:
        self._answer()
        return self.runs.get(key) or self.add(key, "SCHEDULED", name=deployment, parameters=parameters, tags=tuple(tags))

    def find(self, run_id: str) -> Run | None:
        self._answer()
        return self.runs.get(run_id)

    def run(self, run_id: str) -> Run:
        if run_id not in self.runs:
            raise Refused(f"no flow run {run_id}")
        return self.runs[run_id]

    def unfinished(self) -> tuple[Run, ...]:
        self._answer()
        return tuple(run for run in self.runs.values() if run.state_type in UNFINISHED)

    def parent(self, run: Run) -> Run | None:
        self._answer()
        return self.runs.get(self.parents.get(run.id, ""))

    def crash(self, run: Run, why: str) -> bool:
        self._answer()
        if self.runs[run.id].state_id != run.state_id:
            return False
        state = "CANCELLED" if run.state_type == "CANCELLING" else "CRASHED"
        told = {"timestamp": self.clock.isoformat(), "message": why}
        ending = {"state_type": state, "state_id": f"{run.id}-{state}", "state": told, "end_time": self.clock}
        self.runs[run.id] = run.model_copy(update=ending)
        return True

    def crashed(self, since: datetime) -> tuple[Run, ...]:
        self._answer()
        found = [run for run in self.runs.values() if run.state_type == "CRASHED" and run.end_time and run.end_time >= since]
        return tuple(sorted(found, key=lambda run: run.end_time or since, reverse=True))

    def run_again(self, run: Run, tags: Sequence[str]) -> Run:
        self._answer()
        if run.deployment_id == "gone":
            raise Refused("its deployment is gone")
        again = f"again-{run.id}"
        return self.runs.get(again) or self.add(again, "COMPLETED", tags=tuple(tags), parameters=run.parameters)

    def page(self, run: Run) -> str:
        return f"http://prefect/{run.id}"

    def _happen(self, event: str, resource: str, at: datetime) -> None:
        if not self.deaf:
            self._events[event, resource] = at

    def _answer(self) -> None:
        if self.gone:
            raise Transient("Prefect does not answer")
