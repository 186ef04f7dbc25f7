"""The worker of our own type: what it asks its forking server for, what it refuses, and how runs are cancelled."""

from __future__ import annotations

import asyncio
import logging
import signal
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelling, Completed, Running

from pratique.decisions.asked_runs import entrypoint_of
from pratique.warm import JOB_TEMPLATE, POOL_TYPE
from pratique.warm.server import CANCEL
from tasks import _worker
from tasks._worker import Configuration, PratiqueWorker


class FakeFork:
    """A process that ends when it is told how; by a signal, where it obeys that one."""

    process_id = 7

    def __init__(self, obeys: int) -> None:
        self._obeys, self.signals = obeys, list[int]()
        self._status = asyncio.get_running_loop().create_future()

    async def ended(self) -> int:
        return int(await asyncio.shield(self._status))

    def end(self, status: int) -> None:
        if not self._status.done():
            self._status.set_result(status)

    def send(self, number: int) -> None:
        self.signals.append(number)
        if number == self._obeys:
            self.end(128 + number)


class FakeForks:
    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.forked = asyncio.Event()
        self.obeys: int = CANCEL

    async def fork(self, run: str, *arguments: str) -> FakeFork:
        self.asked.append((run, *arguments))
        self.fork_of_run = FakeFork(self.obeys)
        self.forked.set()
        return self.fork_of_run


class FakeClient:
    """As much of Prefect's client as the worker needs."""

    def __init__(self) -> None:
        self.flow_run = FlowRun.model_construct(id=uuid4(), flow_id=uuid4(), name="run", state=Running())
        self.set: list[State[Any]] = []
        self.deployment: Any = None
        self.flow: Any = SimpleNamespace(id=uuid4(), name="promote")

    async def read_flow_run(self, _id: UUID) -> FlowRun:
        return self.flow_run

    async def read_flow_runs(self, **_: Any) -> list[FlowRun]:
        return [self.flow_run]

    async def set_flow_run_state(self, _id: UUID, state: State[Any], *, force: bool) -> None:
        assert force
        self.set.append(state)

    async def read_deployment(self, _id: UUID) -> Any:
        return self.deployment

    async def read_flow(self, _id: UUID) -> Any:
        return self.flow


class Group:
    """Tasks that begin at once."""

    def __init__(self) -> None:
        self._begun: list[asyncio.Task[Any]] = []

    def start_soon(self, call: Any, *arguments: Any) -> None:
        self._begun.append(asyncio.create_task(call(*arguments)))


class World:
    def __init__(self) -> None:
        self.client, self.forks = FakeClient(), FakeForks()
        self.worker = PratiqueWorker("pool", name="worker")
        self.worker._client, self.worker._forks = cast("Any", self.client), cast("Any", self.forks)
        self.worker._runs_task_group = cast("Any", Group())

    @property
    def run_id(self) -> UUID:
        return self.client.flow_run.id

    def run(self, *, objections: tuple[str, ...] = ()) -> asyncio.Task[Any]:
        configuration = Configuration(flow="promote", objections=objections)
        return asyncio.create_task(self.worker.run(self.client.flow_run, configuration))

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(str(state.name), str(state.message)) for state in self.client.set]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(_worker, "forks", FakeForks)
    # Prefect's own would send its lines to a server, and start one where there is none.
    monkeypatch.setattr(PratiqueWorker, "get_flow_run_logger", lambda *_: logging.getLogger("nobody"))
    return World()


async def test_a_run_is_asked_for_by_the_name_of_its_flow_and_its_id_alone(world: World) -> None:
    running = world.run()
    await world.forks.forked.wait()
    world.forks.fork_of_run.end(0)
    assert (await running).status_code == 0
    assert world.forks.asked == [(str(world.run_id), "promote", str(world.run_id))]
    assert world.told == []


async def test_a_process_that_ends_badly_is_the_base_classes_to_record(world: World) -> None:
    running = world.run()
    await world.forks.forked.wait()
    world.forks.fork_of_run.end(137)
    assert (await running).status_code == 137


async def test_a_refused_run_has_no_process_and_its_state_says_why(world: World) -> None:
    assert (await world.run(objections=("it carries job variables ('command')",))).status_code == 0
    assert world.forks.asked == []
    ((name, message),) = world.told
    assert name == "Refused"
    assert message.endswith("its parameters, and nothing else: it carries job variables ('command')")


async def test_a_cancelled_run_is_told_so_and_recorded_when_it_has_ended(world: World) -> None:
    running = world.run()
    await world.forks.forked.wait()
    for _ in range(2):
        world.worker.cancel(world.run_id)
    assert (await running).status_code == 0
    assert world.forks.fork_of_run.signals == [CANCEL]
    assert [name for name, _ in world.told] == ["Cancelled"]


async def test_a_run_that_does_not_end_by_itself_is_killed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_worker, "GRACE", 0.01)
    world.forks.obeys = signal.SIGKILL
    running = world.run()
    await world.forks.forked.wait()
    world.worker.cancel(world.run_id)
    assert (await running).status_code == 0
    assert world.forks.fork_of_run.signals == [CANCEL, signal.SIGKILL]
    assert [name for name, _ in world.told] == ["Cancelled"]


async def test_a_run_that_was_done_before_it_could_be_cancelled_stays_done(world: World) -> None:
    running = world.run()
    await world.forks.forked.wait()
    world.client.flow_run.state = Completed()
    world.worker.cancel(world.run_id)
    await running
    assert world.told == []


async def test_another_workers_run_is_not_cancelled(world: World) -> None:
    running = world.run()
    await world.forks.forked.wait()
    world.worker.cancel(uuid4())
    world.forks.fork_of_run.end(0)
    await running
    assert world.forks.fork_of_run.signals == []


async def test_a_cancellation_whose_event_was_lost_is_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_worker, "PREFECT_WORKER_QUERY_SECONDS", SimpleNamespace(value=lambda: 0.001))
    running = world.run()
    asking = asyncio.create_task(world.worker._ask_for_cancelled())
    world.client.flow_run.state = Cancelling()
    await running
    asking.cancel()
    assert [name for name, _ in world.told] == ["Cancelled"]


PLAIN: dict[str, Any] = {
    "name": "prod",
    "entrypoint": entrypoint_of("promote"),
    "pull_steps": None,
    "job_variables": {},
}


@pytest.mark.parametrize(
    ("said", "flows", "reasons"),
    [
        ({}, "", 0),
        ({"run": {"job_variables": {"command": "x"}}}, "", 1),
        ({"run": {"deployment_id": None}}, "", 1),
        ({"deployment": {"entrypoint": "evil.py:promote"}}, "", 1),
        ({"deployment": {"pull_steps": [{"run": {}}]}}, "", 1),
        ({"deployment": {"job_variables": {"env": {"A": "b"}}}}, "", 1),
        ({"deployment": {"name": "another"}}, "", 1),
        ({"pool": {"type": "process"}}, "", 1),
        ({"pool": {"base_job_template": {"job_configuration": {"command": "x"}}}}, "", 1),
        ({}, "rollback,reverify", 1),
        ({}, "promote,rollback", 0),
    ],
)
async def test_what_prefect_says_of_the_run_its_deployment_and_its_pool_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, Any],
    flows: str,
    reasons: int,
) -> None:
    settings = SimpleNamespace(environments={"prod": SimpleNamespace(deployment="promote/prod")})
    monkeypatch.setattr(_worker, "load_settings", lambda: settings)
    monkeypatch.setenv(_worker.FLOWS_VARIABLE, flows)
    client = FakeClient()
    client.deployment = SimpleNamespace(**{**PLAIN, **said.get("deployment", {})})
    flow_run = SimpleNamespace(**{"deployment_id": uuid4(), "flow_id": uuid4(), "job_variables": None, **said.get("run", {})})
    work_pool = SimpleNamespace(**{"type": POOL_TYPE, "base_job_template": JOB_TEMPLATE, **said.get("pool", {})})
    found = await Configuration.resolve_for_flow_run(
        cast("Any", flow_run), client=cast("Any", client), work_pool=cast("Any", work_pool), worker_name="worker"
    )
    assert len(found.objections) == reasons, found.objections
    assert found.command is None
    assert found.env == {}
