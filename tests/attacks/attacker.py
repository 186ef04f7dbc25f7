"""Somebody who has Prefect's password and nothing else: all that they may do there, by its public API."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

POOL = "pratique"
GIVES_UP_AFTER = 120.0
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


class Attacker:
    """Speaks Prefect's API; `trace` is a file that exists as soon as any of their code has run."""

    def __init__(self, api: httpx.Client, trace: Path) -> None:
        self.api, self.trace = api, trace

    @property
    def command(self) -> str:
        return f"touch {self.trace}"

    @property
    def module(self) -> Path:
        """A file with a flow of theirs, on the worker's own disk: they may be a user there."""
        file = self.trace.with_name("evil.py")
        file.write_text(
            f"import pathlib\npathlib.Path({str(self.trace)!r}).touch()\nfrom prefect import flow\n@flow\ndef evil(): ...\n"
        )
        return file

    def deployment(self, name: str = "advance/pratique") -> dict[str, Any]:
        found: dict[str, Any] = self._ask("GET", f"/deployments/name/{name}")
        return found

    @contextmanager
    def edited(self, **fields: Any) -> Iterator[str]:
        """The deployment of `advance`, with these fields other than they were; its id."""
        before = self.deployment()
        self._ask("PATCH", f"/deployments/{before['id']}", fields)
        try:
            yield before["id"]
        finally:
            self._ask("PATCH", f"/deployments/{before['id']}", {name: before[name] for name in fields})

    @contextmanager
    def edited_pool(self, template: Mapping[str, Any]) -> Iterator[None]:
        before = self._ask("GET", f"/work_pools/{POOL}")["base_job_template"]
        self._ask("PATCH", f"/work_pools/{POOL}", {"base_job_template": dict(template)})
        try:
            # A worker reads its pool anew with each heartbeat; it is not made to wait for that.
            yield
        finally:
            self._ask("PATCH", f"/work_pools/{POOL}", {"base_job_template": before})

    def start(self, deployment: str | None = None, **more: Any) -> str:
        """A run of the deployment with this id, that of `advance` if none is given; its id."""
        where = deployment or self.deployment()["id"]
        body = {"parameters": {"dry_run": True}, "state": {"type": "SCHEDULED"}, **more}
        return str(self._ask("POST", f"/deployments/{where}/create_flow_run", body)["id"])

    def deploy(self, flow: str, name: str, **fields: Any) -> str:
        """A deployment of their own in the pool; its id."""
        flow_id = self._ask("POST", "/flows/", {"name": flow})["id"]
        body = {"name": name, "flow_id": flow_id, "work_pool_name": POOL, "enforce_parameter_schema": False, **fields}
        return str(self._ask("POST", "/deployments/", body)["id"])

    def start_without_deployment(self, flow: str) -> str:
        flow_id = self._ask("POST", "/flows/", {"name": flow})["id"]
        body = {"flow_id": flow_id, "work_pool_name": POOL, "state": {"type": "SCHEDULED"}, "parameters": {"dry_run": True}}
        return str(self._ask("POST", "/flow_runs/", body)["id"])

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run, once it has come to its end."""
        end = time.monotonic() + GIVES_UP_AFTER
        while (run := self._ask("GET", f"/flow_runs/{run_id}"))["state_type"] not in FINAL:
            assert time.monotonic() < end, f"the run is still {run['state_name']}"
            time.sleep(0.1)
        return dict(run)

    def began(self, run_id: str) -> bool:
        """Whether anything of the run has run, as far as Prefect was told."""
        states = self._ask("GET", f"/flow_run_states/?flow_run_id={run_id}")
        return any(state["type"] == "RUNNING" for state in states)

    def block(self, slug: str, fields: Mapping[str, Any]) -> str:
        """A block of theirs in Prefect's database; its id."""
        kind = self._ask("GET", f"/block_types/slug/{slug}")["id"]
        schema = self._ask("POST", "/block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind]}}})[0]["id"]
        body = {"name": f"b{uuid.uuid4().hex[:8]}", "data": dict(fields), "block_type_id": kind, "block_schema_id": schema}
        return str(self._ask("POST", "/block_documents/", body)["id"])

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self.api.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None
