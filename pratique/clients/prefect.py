"""Flow runs at a Prefect server: started by deployment name, followed, cancelled.

Speaks the server's documented REST API (its `/docs`), because importing Prefect's own client takes
two seconds, which a command line that only starts a run should not cost.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pratique.clients.tls import trusting
from pratique.errors import Refused, Transient
from pratique.settings import PrefectSettings
from pratique.values.answer import Answer, GivenAnswer

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})
"""The state types a run does not leave by itself."""


class Run(BaseModel):
    """A flow run or task run, as far as we read it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    name: str
    state_type: str | None = None
    state_name: str | None = None
    state: dict[str, Any] | None = Field(default=None, repr=False)
    state_id: str | None = None
    tags: tuple[str, ...] = ()
    expected_start_time: datetime = datetime.min.replace(tzinfo=UTC)
    """Of a scheduled run: its slot."""
    auto_scheduled: bool = False
    """A schedule made it, not a person."""
    start_time: datetime | None = None
    end_time: datetime | None = None
    total_run_time: float = 0.0
    """Seconds."""
    flow_run_id: str | None = None
    """Of a task run: the flow run it belongs to."""
    parent_task_run_id: str | None = None
    """Of a sub-flow's run: the task run that stands for it in the flow run it is part of."""
    work_pool_name: str | None = None
    deployment_id: str | None = None
    run_count: int = 0
    parameters: dict[str, Any] = Field(default={}, repr=False)

    @property
    def since(self) -> datetime:
        """When it came to its present state; long ago, where the server does not tell."""
        told = (self.state or {}).get("timestamp")
        return datetime.fromisoformat(str(told)) if told else datetime.min.replace(tzinfo=UTC)

    @property
    def message(self) -> str:
        """What the state says."""
        return str((self.state or {}).get("message") or "")

    @property
    def is_final(self) -> bool:
        return self.state_type in FINAL

    @property
    def is_suspended(self) -> bool:
        """Whether it waits for somebody, without a process."""
        return self.state_type == "PAUSED"

    @classmethod
    def read(cls, content: object) -> Self:
        """From the API's JSON."""
        return cls.model_validate(content)


class Prefect:
    """A Prefect server; use `open_prefect`."""

    def __init__(self, client: httpx.Client, ui_url: str) -> None:
        self._client = client
        self._ui_url = ui_url

    def start(self, deployment: str, parameters: Mapping[str, Any], *, key: str | None = None, tags: Sequence[str] = ()) -> Run:
        """The run of `<flow>/<deployment>`; the same key gives the same run of the flow again, so it names the place, too."""
        found = self._ask("GET", f"/deployments/name/{deployment}", missing=f"no deployment {deployment!r}")
        body = {"parameters": dict(parameters), "idempotency_key": key, "tags": list(tags), "state": {"type": "SCHEDULED"}}
        return Run.read(self._ask("POST", f"/deployments/{found['id']}/create_flow_run", body))

    def run(self, run_id: str) -> Run:
        """The run as it is now."""
        return Run.read(self._ask("GET", f"/flow_runs/{run_id}", missing=f"no flow run {run_id}"))

    def find(self, run_id: str) -> Run | None:
        """The run as it is now; None where the server does not know it any more."""
        found = self._ask("POST", "/flow_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
        return Run.read(found[0]) if found else None

    def markdown(self, run_id: str) -> str | None:
        """The newest Markdown artifact of the flow run; None where it has none."""
        wanted = {"flow_run_id": {"any_": [run_id]}, "type": {"any_": ["markdown"]}}
        found = self._ask("POST", "/artifacts/filter", {"artifacts": wanted, "sort": "CREATED_DESC", "limit": 1})
        return str(found[0]["data"]) if found else None

    def runs_tagged(self, tag: str) -> tuple[Run, ...]:
        """The flow runs that carry the tag, oldest first."""
        body = {"flow_runs": {"tags": {"all_": [tag]}}, "sort": "START_TIME_ASC", "limit": 200}
        return tuple(Run.read(item) for item in self._ask("POST", "/flow_runs/filter", body))

    def family(self, run_id: str, tag: str) -> tuple[Run, ...]:
        """The flow run, its sub-flow runs, and the runs that carry the tag; 200 at most."""
        wanted = {"id": {"any_": [run_id]}, "parent_flow_run_id": {"any_": [run_id]}, "tags": {"all_": [tag]}}
        body = {"flow_runs": {"operator": "or_", **wanted}, "limit": 200}
        return tuple(Run.read(item) for item in self._ask("POST", "/flow_runs/filter", body))

    def parent(self, run: Run) -> Run | None:
        """The flow run that a sub-flow's run is part of; None for one that is not."""
        if run.parent_task_run_id is None:
            return None
        return self.run(Run.read(self._ask("GET", f"/task_runs/{run.parent_task_run_id}")).flow_run_id or "")

    def unfinished(self) -> tuple[Run, ...]:
        """The flow runs that have begun and, as far as the server knows, not ended; 200 at most."""
        begun = {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}
        return tuple(Run.read(item) for item in self._ask("POST", "/flow_runs/filter", {"flow_runs": {"state": begun}}))

    def tasks(self, run_ids: Sequence[str], since: datetime) -> tuple[Run, ...]:
        """The task runs of these flow runs that have started since then, in the order they were expected to start."""
        body = {
            "flow_runs": {"id": {"any_": list(run_ids)}},
            "task_runs": {"subflow_runs": {"exists_": False}, "start_time": {"after_": since.isoformat()}},
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": 200,
        }
        return tuple(Run.read(item) for item in self._ask("POST", "/task_runs/filter", body))

    def given_answers(self, run_id: str) -> tuple[GivenAnswer, ...]:
        """The answers to the forms that the run has shown, oldest first; what is no answer is passed over."""
        found = self._ask("POST", f"/flow_runs/{run_id}/input/filter", {"prefix": "suspended-", "limit": 200})
        given = (_given(item) for item in found if str(item["key"]).endswith("-response"))
        return tuple(sorted((one for one in given if one is not None), key=lambda one: one.given_at))

    def resume(self, run_id: str, answer: Answer) -> bool:
        """Whether the suspended run goes on by this answer; False where it is not suspended, or has shown no form yet."""
        body = {"run_input": answer.model_dump(mode="json")}
        answered = self._ask("POST", f"/flow_runs/{run_id}/resume", body, missing=f"no flow run {run_id}")
        return bool(answered["status"] == "ACCEPT")

    def cancel(self, run_id: str) -> None:
        """Ask the run to end; its worker does it."""
        self._ask("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})

    def crash(self, run: Run, why: str) -> bool:
        """Record that the run's process is gone; False where the run has come to another state since it was read."""
        if self.run(run.id).state_id != run.state_id:
            return False
        # Nobody is to run again what was cancelled.
        kind = "CANCELLED" if run.state_type == "CANCELLING" else "CRASHED"
        state = {"type": kind, "name": kind.capitalize(), "message": why}
        answer = self._ask("POST", f"/flow_runs/{run.id}/set_state", {"state": state})
        return bool(answer["status"] == "ACCEPT")

    def crashed(self, since: datetime) -> tuple[Run, ...]:
        """The flow runs that have crashed since then, newest first; 200 at most."""
        wanted = {"state": {"type": {"any_": ["CRASHED"]}}, "end_time": {"after_": since.isoformat()}}
        body = {"flow_runs": wanted, "sort": "END_TIME_DESC", "limit": 200}
        return tuple(Run.read(item) for item in self._ask("POST", "/flow_runs/filter", body))

    def run_again(self, run: Run, tags: Sequence[str]) -> Run:
        """A new run of the same deployment with the same parameters; asked for again, the same one."""
        body = {"parameters": run.parameters, "idempotency_key": f"again:{run.id}", "tags": list(tags)}
        path = f"/deployments/{run.deployment_id}/create_flow_run"
        return Run.read(self._ask("POST", path, {**body, "state": {"type": "SCHEDULED"}}, missing="its deployment is gone"))

    def write_pool(self, name: str, kind: str, template: Mapping[str, object], limit: int | None) -> None:
        """Let there be a work pool of this type with this base job template, and at most `limit` runs at once."""
        settings = {"base_job_template": dict(template), "concurrency_limit": limit}
        if (present := self.pools().get(name)) is None:
            self._ask("POST", "/work_pools/", {"name": name, "type": kind, **settings})
        elif present == kind:
            self._ask("PATCH", f"/work_pools/{name}", settings)
        else:
            remedy = f"stop its workers and delete it (`prefect work-pool delete {name}`)"
            raise Refused(f"the work pool {name} is of the type {present}, not {kind}: {remedy}; deployments stay")

    def delete_pool(self, name: str) -> None:
        """Let there be no such work pool; runs that wait in it are gone, deployments stay."""
        self._ask("DELETE", f"/work_pools/{name}", missing=f"no work pool {name}")

    def bound_queue(self, pool: str, queue: str, limit: int | None) -> None:
        """Let at most `limit` runs of the pool's queue run at once."""
        path = f"/work_pools/{pool}/queues/{queue}"
        self._ask("PATCH", path, {"concurrency_limit": limit}, missing=f"no queue {queue} in work pool {pool}")

    def pools(self) -> dict[str, str]:
        """The work pools there are, and the type of each."""
        return {pool["name"]: pool["type"] for pool in self._ask("POST", "/work_pools/filter", {"limit": 200})}

    def polls(self, pool: str) -> bool:
        """Whether a worker asks for the pool's runs."""
        workers = self._ask("POST", f"/work_pools/{pool}/workers/filter", {})
        return any(worker.get("status") == "ONLINE" for worker in workers)

    def write_automation(self, automation: Mapping[str, Any]) -> None:
        """Let there be this automation, in the place of those with its name."""
        body = {"automations": {"name": {"any_": [automation["name"]]}}}
        for present in self._ask("POST", "/automations/filter", body):
            self._ask("DELETE", f"/automations/{present['id']}")
        self._ask("POST", "/automations/", automation)

    def emit(self, event: str, resource: str, at: datetime) -> None:
        """Let an event happen, which takes the way of all events: through the server's messaging, to its database."""
        body = {"id": str(uuid.uuid4()), "event": event, "occurred": at.isoformat()}
        self._ask("POST", "/events", [{**body, "resource": {"prefect.resource.id": resource}}])

    def last_event(self, event: str, resource: str, since: datetime) -> datetime | None:
        """When the event last happened to the resource, as far as the server's database has it; None for not since then."""
        wanted = {
            "order": "DESC",
            "occurred": {"since": since.isoformat()},
            "event": {"name": [event]},
            "resource": {"id": [resource]},
        }
        found = self._ask("POST", "/events/filter", {"filter": wanted, "limit": 1})["events"]
        return datetime.fromisoformat(found[0]["occurred"]) if found else None

    def due(self, deployment_id: str, now: datetime) -> tuple[Run, ...]:
        """The deployment's runs whose time has come, whatever has become of them, the latest first; 200 at most."""
        wanted = {"deployment_id": {"any_": [deployment_id]}, "expected_start_time": {"before_": now.isoformat()}}
        body = {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_DESC", "limit": 200}
        return tuple(Run.read(item) for item in self._ask("POST", "/flow_runs/filter", body))

    def skip(self, run: Run, why: str) -> None:
        """End a run that has not begun, and say why."""
        state = {"type": "CANCELLED", "name": "Skipped", "message": why}
        self._ask("POST", f"/flow_runs/{run.id}/set_state", {"state": state})

    def answers(self) -> bool:
        """Whether the server is there and ready."""
        try:
            return self._client.get("/health", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def page(self, run: Run) -> str:
        """Where a person sees the run in the UI."""
        return f"{self._ui_url}/runs/flow-run/{run.id}"

    def _ask(self, method: str, path: str, body: object = None, *, missing: str = "not found") -> Any:
        try:
            response = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Transient(f"Prefect at {self._client.base_url} did not answer ({type(error).__name__})") from None
        status = response.status_code
        if status == HTTPStatus.NOT_FOUND:
            raise Refused(f"Prefect at {self._client.base_url}: {missing}; deploy with `prefect deploy --all` or `pratique up`")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise Refused(f"Prefect at {self._client.base_url} denied {method} {path}: check prefect.auth_file in the settings")
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # SQLite behind the server answers 503 while another write holds it.
            raise Transient(f"Prefect answered {status} to {method} {path}")
        if status >= HTTPStatus.BAD_REQUEST:
            raise Refused(f"Prefect refused {method} {path} with {status}: {response.text[:500]}")
        return None if status == HTTPStatus.NO_CONTENT else response.json()


def _given(item: Mapping[str, Any]) -> GivenAnswer | None:
    try:
        return GivenAnswer(answer=Answer.model_validate_json(item["value"]), given_at=item["created"])
    except ValidationError:
        return None


def prefect_environment(settings: PrefectSettings) -> dict[str, str]:
    """The variables by which Prefect's own programs reach the server that the settings name."""
    found = {"PREFECT_API_URL": settings.api_url}
    if settings.auth_file is not None:
        found["PREFECT_API_AUTH_STRING"] = settings.auth_file.read_text().strip()
    if settings.ui_url is not None:
        found["PREFECT_UI_URL"] = settings.ui_url
    return found


@contextmanager
def open_prefect(settings: PrefectSettings) -> Iterator[Prefect]:
    """The server that the settings name."""
    auth = None
    if settings.auth_file is not None:
        user, _, password = settings.auth_file.read_text().strip().partition(":")
        auth = httpx.BasicAuth(user, password)
    with httpx.Client(base_url=settings.api_url, auth=auth, timeout=30, verify=trusting()) as client:
        yield Prefect(client, settings.ui_url or settings.api_url.removesuffix("/api"))
