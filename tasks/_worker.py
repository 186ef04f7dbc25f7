"""The worker of work pools of the type `pratique`: it takes from Prefect which of our flows to run, and its parameters.

Prefect's own workers run the command, the code and the environment that a deployment, a pool or a single run names: whoever
may start runs there, may run anything here. This one asks its forking server for one of our flows by name (`pratique.warm`).
A run that carries anything else is refused, and its state says why; the worker goes on.

    PRATIQUE_WORKER_FOLDER   the notes of the runs that live, for a worker that comes up again
    PRATIQUE_WORKER_FLOWS    the flows that it runs, comma-separated; absent: all
    PRATIQUE_WORKER_MODULES  what its runs find imported besides; absent: nothing
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS
from prefect.states import Failed
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from pratique.decisions.asked_runs import AskedRun, objections
from pratique.settings import load_settings
from pratique.warm import FLOWS, JOB_TEMPLATE, POOL_TYPE
from pratique.warm.forks import Fork, Forks
from pratique.warm.server import CANCEL
from pratique.warm.worker import CALL, FLOWS_VARIABLE, FOLDER_VARIABLE, MODULES_VARIABLE, PRELOADED, deployments_of

GRACE = 30.0
"""Seconds that a cancelled run may take to leave everything in order."""


def forks() -> Forks:
    """The processes of its runs, and the server that forks them."""
    more = [name for name in os.environ.get(MODULES_VARIABLE, "").split(",") if name]
    return Forks(CALL, [*PRELOADED, *more], Path(os.environ.get(FOLDER_VARIABLE, ".pratique/worker")) / "runs")


def flows() -> tuple[str, ...]:
    """The flows that this worker runs."""
    chosen = os.environ.get(FLOWS_VARIABLE)
    return FLOWS if not chosen else tuple(name for name in FLOWS if name in chosen.split(","))


class Configuration(BaseJobConfiguration):
    """What a run is started with: the name of its flow, or the reasons against it."""

    flow: str = ""
    objections: tuple[str, ...] = ()

    @classmethod
    def json_template(cls) -> dict[str, Any]:
        return JOB_TEMPLATE["job_configuration"]

    @classmethod
    async def resolve_for_flow_run(
        cls,
        flow_run: FlowRun,
        *,
        client: PrefectClient,
        work_pool: WorkPool,
        worker_name: str,
        worker_id: UUID | None = None,
        deployment: DeploymentResponse | None = None,
    ) -> Configuration:
        if deployment is None and flow_run.deployment_id is not None:
            deployment = await client.read_deployment(flow_run.deployment_id)
        flow = await client.read_flow(flow_run.flow_id)
        asked = AskedRun(
            flow=flow.name,
            variables=flow_run.job_variables or {},
            deployment=deployment.name if deployment else None,
            entrypoint=deployment.entrypoint if deployment else None,
            pull_steps=tuple(deployment.pull_steps or ()) if deployment else (),
            deployment_variables=(deployment.job_variables or {}) if deployment else {},
            pool_type=work_pool.type,
            pool_template=work_pool.base_job_template,
        )
        known = deployments_of(load_settings())
        found = objections(asked, flows=flows(), deployments=known, pool_type=POOL_TYPE, template=JOB_TEMPLATE)
        configuration = cls(flow=flow.name, objections=found)
        # What the worker's events are about.
        configuration._related_objects = {"deployment": deployment, "flow": flow, "flow-run": flow_run}
        return configuration


class Result(BaseWorkerResult):
    """The status that a run's process has ended with."""


class PratiqueWorker(BaseWorker[Configuration, BaseVariables, Result]):
    """Forks a process for each run, ends those that are cancelled, and refuses what asks for more than a flow."""

    type = POOL_TYPE
    job_configuration = Configuration

    _display_name = "Pratique"
    _description = "Runs the flows of Pratique, and nothing else, in processes forked from one that has imported them."

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._forks = forks()
        self._living: dict[UUID, Fork] = {}
        self._ending = False
        self._at_work = 0
        """Runs that were taken and of which something is still to be told to Prefect."""
        self._cancelled: set[UUID] = set()
        self._asking: asyncio.Task[None] | None = None

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        return dict(JOB_TEMPLATE)

    async def setup(self) -> None:
        await self._forks.ready()
        await super().setup()
        self._asking = asyncio.create_task(self._ask_for_cancelled())

    async def teardown(self, *exc_info: Any) -> None:
        """It gives back no run that is being made: those end first, as long as whoever supervises it lets them."""
        self._ending = True
        with anyio.CancelScope(shield=True):
            while self._at_work:  # noqa: ASYNC110  # a counter, looked at once in the worker's life
                await asyncio.sleep(0.1)
        if self._asking is not None:
            self._asking.cancel()
        try:
            await super().teardown(*exc_info)
        finally:
            self._forks.close()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """The runs that it takes now: none, once it has been told to end."""
        return [] if self._ending else await super().get_and_submit_flow_runs()

    async def _submit_run_and_capture_errors(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[int | Exception] | None = None
    ) -> BaseWorkerResult | Exception:
        self._at_work += 1
        try:
            return await super()._submit_run_and_capture_errors(flow_run, task_status)
        finally:
            self._at_work -= 1

    async def run(
        self,
        flow_run: FlowRun,
        configuration: Configuration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> Result:
        """Return when the run's process has ended; the base class records one that ended badly as crashed."""
        begun = task_status or anyio.TASK_STATUS_IGNORED
        if configuration.objections:
            refusal = await self._refuse(flow_run, configuration.objections)
            begun.started(refusal)  # type: ignore[arg-type]  # the base class tells one that did not begin so
            return Result(status_code=0, identifier="refused")
        fork = await self._forks.fork(str(flow_run.id), configuration.flow, str(flow_run.id))
        self._living[flow_run.id] = fork
        begun.started(fork.process_id)
        try:
            status = await fork.ended()
        finally:
            if self._living.get(flow_run.id) is fork:
                del self._living[flow_run.id]
        if flow_run.id in self._cancelled:
            self._cancelled.discard(flow_run.id)
            await self._record_cancelled(flow_run.id)
            status = 0
        return Result(status_code=status, identifier=str(fork.process_id))

    def cancel(self, run_id: UUID) -> None:
        """End the process of a run of ours that Prefect is told to cancel; others are other workers'."""
        if run_id in self._living and run_id not in self._cancelled:
            self._cancelled.add(run_id)
            assert self._runs_task_group is not None  # noqa: S101  # a run lives, so the worker is set up
            self._runs_task_group.start_soon(self._end, self._living[run_id])

    async def _end(self, fork: Fork) -> None:
        fork.send(CANCEL)
        with anyio.move_on_after(GRACE):
            await fork.ended()
            return
        fork.send(signal.SIGKILL)

    async def _record_cancelled(self, run_id: UUID) -> None:
        flow_run = await self.client.read_flow_run(run_id)
        if flow_run.state is None or not flow_run.state.is_final():
            await self._mark_flow_run_as_cancelled(flow_run, {"message": "Flow run was cancelled successfully."})

    async def _refuse(self, flow_run: FlowRun, reasons: tuple[str, ...]) -> Exception:
        message = "a worker takes from Prefect one of its flows and its parameters, and nothing else: " + "; ".join(reasons)
        self.get_flow_run_logger(flow_run).error(message)
        await self.client.set_flow_run_state(flow_run.id, Failed(name="Refused", message=message), force=True)
        return PermissionError(message)

    async def _ask_for_cancelled(self) -> None:
        """The safety net: an event that says so may be lost."""
        cancelling = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING]))
        while True:
            await asyncio.sleep(PREFECT_WORKER_QUERY_SECONDS.value())
            if not self._living:
                continue
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=list(self._living)), state=cancelling)
            with suppress(Exception):  # it is asked again, and whoever else asks Prefect says what is wrong
                for found in await self.client.read_flow_runs(flow_run_filter=wanted):
                    self.cancel(found.id)
