"""What several machines share, as docs/scaling.md has it, on this one: PostgreSQL and Redis under a Prefect API server and its
services in processes of their own, the ledger on PostgreSQL, workers, the watch, and a recording target to deploy to."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
import tomli_w

from pratique.bootstrap import Clients
from pratique.clients.prefect import open_prefect
from pratique.clients.vault import open_vault
from pratique.local.openbao import KEY, start_openbao
from pratique.local.prefect import PrefectStack
from pratique.local.process import Processes, free_port
from pratique.local.registry import start_registry
from pratique.settings import Settings, load_settings
from tests.recording.variables import SECONDS, TARGET
from tests.services.postgresql import Cluster
from tests.services.redis import start_redis

CHECKOUT = Path(__file__).parents[2]
PRATIQUE = Path(sys.executable).with_name("pratique")
TABLE = Path("deployments/prefect.yaml")
POOL = "pratique"
ENVIRONMENTS = ("dev", "staging", "prod")


class SharedStack:
    """The stack; everything of it is below one folder and gone after `down`."""

    def __init__(self, *, lease: str = "8s", seconds: float = 0.5) -> None:
        # The database server runs as another user, who must be able to come here.
        self.folder = Path(tempfile.mkdtemp(prefix="pratique-shared-"))
        self.folder.chmod(0o755)
        self.config = self.folder / "pratique.toml"
        self.log = self.folder / "target.jsonl"
        self._lease, self._seconds = lease, seconds
        self._processes = Processes(self.folder / "processes")
        self._prefect = PrefectStack(folder=self.folder, port=free_port(), checkout=CHECKOUT)
        self._variables: dict[str, str] = {}
        self._names: list[str] = []

    def up(self, runs_at_once: int) -> None:
        """Everything but workers."""
        database = self.folder / "postgresql"
        database.mkdir()
        self._prefect.make_password()
        self._cluster = Cluster(database)
        self._cluster.start()
        redis = start_redis(self._processes, self.folder / "redis", free_port())
        target = free_port()
        self._start("target", ["-m", "tests.recording.target", str(target), str(self.log)], port=target)
        self._write_settings()
        self._variables = {
            **self._prefect.environment,
            **self._prefect.server_environment,
            **shared_variables(self._cluster.new_database(), redis),
            "PRATIQUE_CONFIG": str(self.config),
            "PYTHONPATH": str(CHECKOUT),
            TARGET: f"127.0.0.1:{target}",
            SECONDS: str(self._seconds),
        }
        self.run("deployments/prefect_database.py")
        port = self._prefect.port
        with open_prefect(self._prefect.settings) as prefect:
            command = [
                str(CHECKOUT / "deployments/prefect_server.py"),
                "server",
                "start",
                "--no-services",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ]
            self._start("api", command, port=port, ready=prefect.answers)
        self._start("services", ["-m", "prefect", "server", "services", "start"])
        self.install(TABLE, runs_at_once)
        self._start("watch", [str(PRATIQUE), "watch"])

    def install(self, table: Path, runs_at_once: int) -> str:
        """What `pratique install` says."""
        return self.run(str(PRATIQUE), "install", str(table), "--limit", str(runs_at_once))

    def run(self, *arguments: str) -> str:
        """What a program of ours writes, which must succeed."""
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=CHECKOUT, env={**os.environ, **self._variables}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_worker(self, name: str) -> None:
        """A worker, running; it may not poll yet."""
        self._start(name, ["-m", "tests.recording.worker", POOL, name, str(self.folder / name)])

    def until_working(self, name: str) -> None:
        """Return when the worker and its forking server run."""
        end = time.monotonic() + 180
        while len(self._family(name)) < 2:
            assert time.monotonic() < end, self._processes.last_words(name)
            time.sleep(0.1)

    def kill(self, name: str) -> int:
        """`kill -9` for the worker, its forking server and all of its runs, as when a machine is lost; how many processes."""
        family = self._family(name)
        # Stopped first, so that none sees another one die and says so.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in family:
                _send(process, number)
        psutil.wait_procs(family, timeout=30)
        return len(family)

    def freeze(self, name: str) -> Sequence[psutil.Process]:
        """Its processes, which stand still until they are sent SIGCONT: as a virtual machine that is moved."""
        family = self._family(name)
        for process in family:
            _send(process, signal.SIGSTOP)
        return family

    def thaw(self, family: Sequence[psutil.Process]) -> None:
        for process in family:
            _send(process, signal.SIGCONT)

    def kill_run(self, name: str, chance: random.Random) -> bool:
        """`kill -9` for the process of one flow run at the worker; False where none works there now."""
        runs = self.runs_of(name)
        if runs:
            _send(chance.choice(runs), signal.SIGKILL)
        return bool(runs)

    def runs_of(self, name: str) -> list[psutil.Process]:
        """The processes of the flow runs that work at the worker now: the forks of its forking server."""
        for process in self._family(name):
            try:
                if "pratique.warm.server" in process.cmdline():
                    return process.children()
            except psutil.NoSuchProcess:
                continue
        return []

    def cpu_seconds(self) -> dict[str, float]:
        """What each part has used so far, with the processes that it has waited for: runs count as their worker's."""
        used = {name: sum(map(_used, self._family(name))) for name in [*self._names, "redis", "registry", "openbao"]}
        server = psutil.Process(self._cluster.process_id)
        return {**used, "postgresql": sum(map(_used, [server, *server.children()]))}

    @contextmanager
    def clients(self) -> Iterator[Clients]:
        """The library's own clients of this stack."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PRATIQUE_CONFIG", str(self.config))
            yield Clients(self.settings())

    def settings(self) -> Settings:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PRATIQUE_CONFIG", str(self.config))
            return load_settings()

    def down(self) -> None:
        """Nothing of it runs any more, and nothing is left."""
        with ExitStack() as ending:
            ending.callback(shutil.rmtree, self.folder, ignore_errors=True)
            ending.callback(self._cluster.stop)
            for name in ("target", "redis", "registry", "openbao", "services", "api", "watch"):
                ending.callback(self._processes.stop, name)
            for name in self._names:
                if name not in {"target", "services", "api", "watch"}:
                    self.kill(name)

    def words_of(self, name: str) -> str:
        """Everything a process of it has written."""
        return self._processes.log(name).read_text(errors="replace")

    def _start(self, name: str, arguments: Sequence[str], *, port: int | None = None, ready: object = None) -> None:
        command = [sys.executable, *arguments]
        variables = {"PYTHONPATH": str(CHECKOUT), **self._variables}
        always = ready if callable(ready) else (lambda: True)
        self._processes.start(name, command, ready=always, port=port, environment=variables, within=180)
        if name not in self._names:
            self._names.append(name)

    def _family(self, name: str) -> list[psutil.Process]:
        process = self._processes.running(name)
        if process is None:
            return []
        try:
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _write_settings(self) -> None:
        openbao = start_openbao(self._processes, self.folder / "openbao", free_port())
        registry = start_registry(self._processes, self.folder / "registry", free_port())
        with open_vault(openbao.settings) as vault:
            _, pem = vault.public_key(KEY)
        nowhere = f"unix://{self.folder}/no-engine.sock"
        place = {"trust": [{"kind": "key", "pem": pem}], "targets": {"docker": {"engine": nowhere}}}
        content = {
            "builder": nowhere,
            "git_cache": str(self.folder / "git"),
            "registry": {"address": registry, "plain_http": True},
            "vault": openbao.settings.model_dump(mode="json", exclude_none=True),
            "signing": {"kind": "transit", "key": KEY},
            "ledger": {"url": self._cluster.new_database(), "lease": self._lease},
            "prefect": {"api_url": self._prefect.api_url, "auth_file": str(self._prefect.auth_file)},
            "environments": dict.fromkeys(ENVIRONMENTS, place),
            "unsafe_any_repository": True,
            "watch": {"every": "3s", "pending": "60s", "again": 100},
        }
        self.config.write_text(tomli_w.dumps(content))


def shared_variables(database: str, redis: str) -> Mapping[str, str]:
    """What makes a Prefect server one of several, as deployments/compose.yaml says it."""
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database.replace("postgresql://", "postgresql+asyncpg://"),
        "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "20",
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_SERVER_DOCKET_URL": f"{redis}/1",
        "PREFECT_REDIS_MESSAGING_URL": f"{redis}/0",
        "PREFECT_REDIS_MESSAGING_PUBLISHER_BATCH_SIZE": "1",
        "PREFECT_REDIS_MESSAGING_PUBLISHER_PUBLISH_EVERY": "1",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    }


def _used(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:4])
    except psutil.NoSuchProcess:
        return 0.0


def _send(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


@pytest.fixture(scope="module")
def shared_stack() -> Iterator[SharedStack]:
    """The stack, up, without a worker; nothing of it is left afterwards."""
    stack = SharedStack()
    try:
        stack.up(runs_at_once=8)
        yield stack
    finally:
        stack.down()
