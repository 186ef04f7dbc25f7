"""The Prefect server and the worker of the local stack."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from pratique.clients.prefect import open_prefect
from pratique.errors import Refused, Transient
from pratique.local.process import Processes
from pratique.settings import PrefectSettings
from pratique.values._base import Value
from pratique.values.digest import Digest, digest_of

WORK_POOL = "pratique"

PRELOADED = (
    "prefect.engine",
    "prefect.flow_engine",
    "flows.deliver",
    "flows.promote",
    "flows.rollback",
    "pratique.clients.cloudformation",
    "pratique.clients.engine",
    "pratique.clients.git",
    "pratique.clients.ledger",
    "pratique.clients.sigstore",
)
"""What the warm server imports: the engine, every flow, and the clients that take long."""

RUNS_AT_ONCE = 6
"""Of the local work pool: a delivery, its preparation's place, and the promotions of one generation."""


class PrefectStack(Value):
    """Where the server is and where its state lives."""

    folder: Path
    port: int
    checkout: Path
    """The folder that holds `flows/` and `deployments/`."""

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def ui_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What its processes need to find each other, and nothing of the user's own Prefect profile."""
        return {
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_PROFILES_PATH": str(self.folder / "prefect" / "profiles.toml"),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_UI_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "0.25",
            "PREFECT_LOGGING_CONFIG_PATH": str(self.checkout / "deployments" / "logging.yml"),
            "PREFECT_LOGGING_LEVEL": "INFO",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        }

    @property
    def socket(self) -> Path:
        """Of the warm server."""
        return self.folder / "warm.sock"


def start_prefect_server(processes: Processes, stack: PrefectStack) -> None:
    """The server, ready to answer."""
    (stack.folder / "prefect").mkdir(parents=True, exist_ok=True)
    program = [sys.executable, str(stack.checkout / "deployments" / "prefect_server.py")]
    command = [*program, "server", "start", "--host", "127.0.0.1", "--port", str(stack.port)]
    with open_prefect(PrefectSettings(api_url=stack.api_url)) as prefect:
        # The first start creates and migrates its database, half a minute under load.
        processes.start("prefect", command, ready=prefect.answers, port=stack.port, environment=stack.environment, within=180)


def deploy_flows(stack: PrefectStack) -> bool:
    """Whether the work pool and the deployments had to be written: not while `deployments/prefect.yaml` is as it was."""
    table = stack.checkout / "deployments" / "prefect.yaml"
    mark = stack.folder / "deployed"
    wanted = _deployed(table, stack)
    if mark.exists() and mark.read_text() == wanted:
        return False
    _create_work_pool(stack)
    command = [_tool("prefect"), "--no-prompt", "deploy", "--all", "--prefect-file", str(table.relative_to(stack.checkout))]
    environment = {**os.environ, **stack.environment}
    done = subprocess.run(
        command, cwd=stack.checkout, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode != 0:
        raise Refused(f"deploying {table} failed: {done.stdout[-1500:]} {done.stderr[-1500:]}")
    mark.write_text(wanted)
    return True


def start_worker(processes: Processes, stack: PrefectStack, environment: Mapping[str, str]) -> None:
    """The warm server and the worker whose runs it starts."""
    settings = {**stack.environment, **environment, "PYTHONPATH": str(stack.checkout)}
    warm = [sys.executable, "-m", "pratique.warm.server", str(stack.socket), *PRELOADED]
    processes.start("warm", warm, ready=lambda: _forks(stack.socket), environment=settings, within=120)
    work = [_tool("prefect"), "worker", "start", "--pool", WORK_POOL, "--type", "process", "--name", "local"]
    processes.start("worker", work, ready=lambda: _worker_polls(stack), environment=settings, within=120)


def job_template(stack: PrefectStack) -> dict[str, object]:
    """The base job template of a process work pool whose runs start warm.

    The shape is Prefect's (`prefect work-pool get-default-base-job-template --type process`); only the defaults are ours.
    """
    launch = Path(__file__).parents[1] / "warm" / "launch.py"
    command = shlex.join([sys.executable, "-I", "-S", "-E", str(launch), str(stack.socket), "prefect.engine"])
    defaults: dict[str, tuple[str, object]] = {
        "name": ("string", None),
        "command": ("string", command),
        "working_dir": ("string", str(stack.checkout)),
        "stream_output": ("boolean", False),
        "env": ("object", {}),
        "labels": ("object", {}),
    }
    properties = {name: {"title": name, "type": kind, "default": default} for name, (kind, default) in defaults.items()}
    return {
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in defaults},
        "variables": {"type": "object", "properties": properties},
    }


def _create_work_pool(stack: PrefectStack) -> None:
    settings = {"base_job_template": job_template(stack), "concurrency_limit": RUNS_AT_ONCE}
    try:
        with httpx.Client(base_url=stack.api_url, timeout=30) as client:
            answer = client.post("/work_pools/", json={"name": WORK_POOL, "type": "process", **settings})
            if answer.status_code == httpx.codes.CONFLICT:
                answer = client.patch(f"/work_pools/{WORK_POOL}", json=settings)
            answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Transient(f"the work pool could not be written: {error}") from None


def _forks(path: Path) -> bool:
    # One that was killed leaves its socket behind, so that there is one says nothing.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _worker_polls(stack: PrefectStack) -> bool:
    try:
        answer = httpx.post(f"{stack.api_url}/work_pools/{WORK_POOL}/workers/filter", json={}, timeout=5)
    except httpx.HTTPError:
        return False
    return answer.is_success and any(worker.get("status") == "ONLINE" for worker in answer.json())


def _deployed(table: Path, stack: PrefectStack) -> Digest:
    flows = sorted((stack.checkout / "flows").glob("*.py"))
    content = b"".join(file.read_bytes() for file in (table, *flows))
    return digest_of(content + repr(job_template(stack)).encode() + stack.api_url.encode())


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
