"""The Prefect server and the worker of the local stack."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from pratique.clients.prefect import open_prefect, prefect_environment
from pratique.deploying import bound_queues, deploy
from pratique.errors import Transient
from pratique.local.process import Processes
from pratique.settings import PrefectSettings
from pratique.values._base import Value
from pratique.values.digest import Digest, digest_of
from pratique.warm import JOB_TEMPLATE, POOL_TYPE
from pratique.warm.worker import program

WORK_POOL = "pratique"
WORKER = "local"

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
    def auth_file(self) -> Path:
        """Holds `user:password`, which the server asks for."""
        return self.folder / "prefect-auth"

    @property
    def worker_folder(self) -> Path:
        """Where the worker notes which runs live."""
        return self.folder / "worker"

    @property
    def settings(self) -> PrefectSettings:
        return PrefectSettings(api_url=self.api_url, auth_file=self.auth_file)

    def make_password(self) -> None:
        """Let there be one, which only the owner of the stack can read."""
        if not self.auth_file.exists():
            descriptor = os.open(self.auth_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"pratique:{secrets.token_urlsafe(24)}")

    @property
    def server_environment(self) -> Mapping[str, str]:
        """What the server alone needs: who may ask it, and from which pages."""
        return {
            "PREFECT_SERVER_API_AUTH_STRING": self.auth_file.read_text(),
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": self.ui_url,
            "PREFECT_SERVER_UI_API_URL": self.api_url,
            # Written at least every five seconds; by default twenty at a time.
            "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """What its processes need to find each other, and nothing of the user's own Prefect profile."""
        return {
            **prefect_environment(self.settings),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_PROFILES_PATH": str(self.folder / "prefect" / "profiles.toml"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            # Each client would ask once: the server has no such protection here, and is of the very version of its clients.
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
            "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            # Only the safety net: the server's events wake the worker.
            "PREFECT_WORKER_QUERY_SECONDS": "10",
            "PREFECT_LOGGING_CONFIG_PATH": str(self.checkout / "deployments" / "logging.yml"),
            "PREFECT_LOGGING_LEVEL": "INFO",
        }


def start_prefect_server(processes: Processes, stack: PrefectStack) -> None:
    """The server, ready to answer."""
    (stack.folder / "prefect").mkdir(parents=True, exist_ok=True)
    stack.make_password()
    program = [sys.executable, str(stack.checkout / "deployments" / "prefect_server.py")]
    command = [*program, "server", "start", "--host", "127.0.0.1", "--port", str(stack.port)]
    with open_prefect(stack.settings) as prefect:
        # The first start creates and migrates its database, half a minute under load.
        environment = {**stack.environment, **stack.server_environment}
        processes.start("prefect", command, ready=prefect.answers, port=stack.port, environment=environment, within=180)


def deploy_flows(stack: PrefectStack) -> bool:
    """Whether the work pool and the deployments had to be written: not while `deployments/prefect.yaml` is as it was."""
    table = stack.checkout / "deployments" / "prefect.yaml"
    mark = stack.folder / "deployed"
    wanted = _deployed(table, stack)
    if mark.exists() and mark.read_text() == wanted:
        return False
    with open_prefect(stack.settings) as prefect:
        if prefect.pools().get(WORK_POOL, POOL_TYPE) != POOL_TYPE:
            # An earlier version's, which no worker takes runs from any more.
            prefect.delete_pool(WORK_POOL)
        prefect.write_pool(WORK_POOL, POOL_TYPE, JOB_TEMPLATE, RUNS_AT_ONCE)
    deploy(stack.checkout, table.relative_to(stack.checkout), stack.environment)
    with open_prefect(stack.settings) as prefect:
        bound_queues(prefect, table, RUNS_AT_ONCE)
    mark.write_text(wanted)
    return True


def start_worker(processes: Processes, stack: PrefectStack, environment: Mapping[str, str]) -> None:
    """The worker, which waits for runs."""
    start = program(WORK_POOL, WORKER, stack.worker_folder)
    settings = {**stack.environment, **environment, **start.environment, "PYTHONPATH": str(stack.checkout)}
    processes.start("worker", start.command, ready=lambda: _worker_polls(stack), environment=settings, within=120)


def _worker_polls(stack: PrefectStack) -> bool:
    try:
        with open_prefect(stack.settings) as prefect:
            return prefect.polls(WORK_POOL)
    except Transient:
        return False


def _deployed(table: Path, stack: PrefectStack) -> Digest:
    flows = sorted((stack.checkout / "flows").glob("*.py"))
    content = b"".join(file.read_bytes() for file in (table, *flows))
    return digest_of(content + repr(JOB_TEMPLATE).encode() + stack.api_url.encode())
