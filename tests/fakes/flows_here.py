"""Prefect's place taken by the process of the tests: a run that is started runs here, at once and to its end.

The flows, their steps and the services that they speak to are the real ones; what is left out is what Prefect does around
them: a server, a worker, a process for each run, states that are written down, pauses and cancellation. For tests of what a
delivery does and leaves behind; `test_delivery.py` and `test_failed_checks.py` hold it to what Prefect makes of the same.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import prefect.runtime.flow_run
import pytest
from prefect import Flow, Task
from prefect.exceptions import ParameterTypeError
from prefect.states import State

from flows.advance import advance
from flows.deliver import deliver
from flows.prepare import prepare
from flows.promote import promote
from flows.reverify import reverify
from flows.rollback import rollback
from pratique.bootstrap import Clients
from pratique.clients.prefect import Run
from pratique.errors import Exhausted, Refused, Transient
from tasks._retries import RetryPolicy

FLOWS: Mapping[str, Flow[..., Any]] = {flow.name: flow for flow in (advance, deliver, prepare, promote, rollback, reverify)}

_present: ContextVar[str] = ContextVar("present")
"""The id of the flow run that is at work."""


class FlowsHere:
    """As much of `pratique.clients.prefect.Prefect` as deliveries and those who follow them ask for."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.steps: list[Run] = []
        self.artifacts: list[tuple[str, object]] = []
        """Key and content of each, in the order in which they were made."""
        self.given: dict[str, Any] = {}
        """What the flow of each run gave, by its id."""
        self._parents: dict[str, str] = {}
        self._keys: dict[tuple[str, str], str] = {}

    def start(self, deployment: str, parameters: Mapping[str, Any], *, key: str | None = None, tags: Sequence[str] = ()) -> Run:
        if key is not None and (deployment, key) in self._keys:
            return self.runs[self._keys[deployment, key]]
        flow = FLOWS[deployment.partition("/")[0]]
        try:
            chosen = flow.validate_parameters(dict(parameters))
        except ParameterTypeError as fault:
            raise Refused(f"Prefect refused the parameters: {fault}") from None
        run = self._begun(flow, chosen, tags)
        if key is not None:
            self._keys[deployment, key] = run.id
        # Whoever starts a run may be a step of another one: its thread has no loop.
        asyncio.run(self._to_its_end(run, flow, chosen))
        return self.runs[run.id]

    def run(self, run_id: str) -> Run:
        return self.runs[run_id]

    def find(self, run_id: str) -> Run | None:
        return self.runs.get(run_id)

    def family(self, run_id: str, tag: str) -> tuple[Run, ...]:
        found = (run for run in self.runs.values() if run_id in (run.id, self._parents.get(run.id)) or tag in run.tags)
        return tuple(found)

    def tasks(self, run_ids: Sequence[str], since: datetime) -> tuple[Run, ...]:
        return tuple(one for one in self.steps if one.flow_run_id in run_ids and one.start_time and one.start_time >= since)

    def runs_tagged(self, tag: str) -> tuple[Run, ...]:
        return tuple(run for run in self.runs.values() if tag in run.tags)

    def page(self, run: Run) -> str:
        return f"http://here.test/runs/flow-run/{run.id}"

    # What flows and steps are called with instead of Prefect's engine.

    async def call(self, flow: Flow[..., Any], parameters: dict[str, Any]) -> Any:
        """A flow that is part of another one."""
        run = self._begun(flow, parameters, ())
        self._parents[run.id] = _present.get()
        ended, found = await self._to_its_end(run, flow, parameters)
        if isinstance(found, BaseException):
            raise found
        assert ended.state_type == "COMPLETED"
        return found

    async def step(self, task: Task[..., Any], step: str, call: Callable[[], Any]) -> Any:
        """A task, asked again as often as its policy says."""
        began, policy = datetime.now(UTC), getattr(task.retry_condition_fn, "__self__", None)
        assert isinstance(policy, RetryPolicy)
        state = "FAILED"
        try:
            for attempt, delay in enumerate(policy.delays(), start=1):
                try:
                    found = await task.fn(step=step, call=call)
                except Exhausted:
                    raise
                except Transient:
                    if not policy.allows(attempt, datetime.now(UTC) - began):
                        raise
                    await asyncio.sleep(delay)
                else:
                    state = "COMPLETED"
                    return found
        finally:
            fields = {"start_time": began, "end_time": datetime.now(UTC), "flow_run_id": _present.get()}
            self.steps.append(Run(id=str(uuid.uuid4()), name=step, state_type=state, **fields))

    def tag(self, run_id: str, tags: Sequence[str]) -> None:
        self.runs[run_id] = self.runs[run_id].model_copy(update={"tags": tuple(tags)})

    def _begun(self, flow: Flow[..., Any], parameters: Mapping[str, Any], tags: Sequence[str]) -> Run:
        name = str(flow.flow_run_name).format(**parameters)
        run = Run(id=str(uuid.uuid4()), name=name, tags=tuple(tags), start_time=datetime.now(UTC), run_count=1)
        self.runs[run.id] = run.model_copy(
            update={"state_type": "RUNNING", "state_name": "Running", "parameters": dict(parameters)}
        )
        return self.runs[run.id]

    async def _to_its_end(self, run: Run, flow: Flow[..., Any], parameters: dict[str, Any]) -> tuple[Run, Any]:
        """The run as it ended, and what the flow gave, or the word that it ended with."""
        reset = _present.set(run.id)
        try:
            found = await flow.fn(**parameters)
        finally:
            _present.reset(reset)
        kind, name, message = "COMPLETED", "Completed", ""
        if isinstance(found, State):
            kind, name, message = found.type.value, found.name or "", found.message or ""
            found = found.data
        ended = self.runs[run.id].model_copy(
            update={
                "state_type": kind,
                "state_name": name,
                "state": {"message": message, "timestamp": datetime.now(UTC).isoformat()},
                "end_time": datetime.now(UTC),
            }
        )
        self.runs[run.id], self.given[run.id] = ended, found
        return ended, found


@contextmanager
def flows_here() -> Iterator[FlowsHere]:
    """Within it whatever this process starts at Prefect runs here."""
    here = FlowsHere()

    @contextmanager
    def opened(_: Clients) -> Iterator[FlowsHere]:
        yield here

    @asynccontextmanager
    async def client() -> AsyncIterator[_Tags]:
        yield _Tags(here)

    async def artifact(*content: object, key: str, **_: object) -> None:
        here.artifacts.append((key, content[0]))

    async def flow_called(flow: Flow[..., Any], *arguments: Any, **named: Any) -> Any:
        return await here.call(flow, flow.validate_parameters(flow_parameters(flow, arguments, named)))

    async def task_called(task: Task[..., Any], *, step: str, call: Callable[[], Any]) -> Any:
        return await here.step(task, step, call)

    original = prefect.runtime.flow_run.__getattr__

    def of_run(name: str) -> Any:
        run = here.runs.get(_present.get(""))
        if run is None:
            return original(name)
        known = {"id": run.id, "tags": list(run.tags), "run_count": run.run_count, "ui_url": here.page(run)}
        return known[name] if name in known else original(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Clients, "prefect", opened)
        patch.setattr(Flow, "__call__", flow_called)
        patch.setattr(Task, "__call__", task_called)
        patch.setattr(prefect.runtime.flow_run, "__getattr__", of_run)
        patch.setattr("tasks._step.get_run_logger", lambda: logging.getLogger("tests.flows_here"))
        patch.setattr("tasks.reports.get_client", client)
        for kind in ("markdown", "table"):
            patch.setattr(f"tasks.reports.acreate_{kind}_artifact", artifact)
        yield here


def flow_parameters(flow: Flow[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """By name, the defaults among them."""
    bound = inspect.signature(flow.fn).bind(*arguments, **named)
    bound.apply_defaults()
    return dict(bound.arguments)


class _Tags:
    """Of Prefect's own client, what tags a run."""

    def __init__(self, here: FlowsHere) -> None:
        self._here = here

    async def update_flow_run(self, run_id: str, tags: Sequence[str]) -> None:
        self._here.tag(run_id, tags)
