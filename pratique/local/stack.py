"""The local stack: everything the pipeline needs, real and on loopback, its state in one folder.

`up` is harmless twice; `down` leaves no process and no container. Data (secrets, images, ledger, runs) stays in the folder,
apart from what the AWS endpoint held, which moto keeps in memory only: the next delivery makes it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from pratique.clients.prefect import open_prefect
from pratique.local.aws import start_aws
from pratique.local.engine import ensure_engine, ensure_front_image, remove_all
from pratique.local.example import seed_secrets
from pratique.local.openbao import OpenBao, start_openbao
from pratique.local.orphans import end_orphans
from pratique.local.prefect import WORK_POOL, PrefectStack, deploy_flows, start_prefect_server, start_worker
from pratique.local.process import Processes, free_port
from pratique.local.registry import start_registry
from pratique.local.settings_file import write_settings
from pratique.local.turns import ports_of_this_machine, turn_at
from pratique.values._base import Value

Log = Callable[[str], None]

USUAL_PORTS = {"prefect": 4200, "openbao": 8200, "registry": 5000, "aws": 4566}
"""Where people look first; another one is taken where a port is not free, and kept from then on."""

PROCESSES = ("worker", "prefect", "aws", "registry", "openbao", "dockerd")
"""In the order in which they end: who uses before who is used."""


class ServiceStatus(Value):
    """One service of the stack, for people."""

    name: str
    running: bool
    process_id: int | None
    address: str
    log: Path


class LocalStack:
    """The stack whose state is in one folder."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        self.folder = folder.resolve()
        self.config = self.folder / "pratique.toml"
        self._checkout = checkout
        self._processes = Processes(self.folder / "processes")

    @property
    def name(self) -> str:
        """The label on the containers that belong to it: no two folders have the same."""
        return f"pratique-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]}"

    def up(self, log: Log) -> None:
        """Every service running, configured, and named by the settings in `config`."""
        with self._alone():
            # Another stack would find the same ports free until ours are taken.
            with turn_at(ports_of_this_machine()):
                prefect = self._start_services(log)
            seed_secrets(self.openbao())
            if deploy_flows(prefect):
                log("deployed the flows")
            with open_prefect(prefect.settings) as api:
                watched, notes = self._processes.running("worker") is not None, prefect.worker_folder / "runs"
                for run in end_orphans(api, WORK_POOL, notes, watched=watched):
                    log(f"{run.name} had lost its process, and is recorded as crashed")
            log("starting the worker")
            start_worker(self._processes, prefect, {"PRATIQUE_CONFIG": str(self.config)})

    def _start_services(self, log: Log) -> PrefectStack:
        """Everything that listens, listening, and written into the settings."""
        ports = self._choose_ports()
        prefect = self._prefect(ports["prefect"])
        log("starting the engine, OpenBao, the registry, an AWS endpoint and the Prefect server")
        with ThreadPoolExecutor() as pool:
            engine = pool.submit(ensure_engine, self._processes, self.folder)
            openbao = pool.submit(start_openbao, self._processes, self.folder / "openbao", ports["openbao"])
            registry = pool.submit(
                start_registry, self._processes, self.folder / "registry", ports["registry"], stack=self.name
            )
            aws = pool.submit(start_aws, self._processes, ports["aws"])
            server = pool.submit(start_prefect_server, self._processes, prefect)
            front = pool.submit(lambda: ensure_front_image(engine.result()))
        server.result()
        write_settings(
            self.config,
            stack=self.name,
            engine=engine.result(),
            front=front.result(),
            openbao=openbao.result(),
            registry=registry.result(),
            aws=aws.result(),
            prefect=prefect,
        )
        return prefect

    def down(self, log: Log) -> None:
        """Nothing of it runs any more; its data stays."""
        with self._alone():
            for name in PROCESSES[:-1]:
                if self._processes.stop(name):
                    log(f"ended {name}")
            if (removed := remove_all(self._engine(), self.name)) > 0:
                log(f"removed {removed} container(s)")
            if self._processes.stop(PROCESSES[-1], within=30):
                log(f"ended {PROCESSES[-1]}")

    def status(self) -> list[ServiceStatus]:
        """What runs and where."""
        ports = self._known_ports()
        found = []
        for name in reversed(PROCESSES):
            process = self._processes.running(name)
            if name == "dockerd" and process is None:
                # The machine's own engine serves, or none does: either way it is not ours to speak of.
                continue
            address = f"http://127.0.0.1:{ports[name]}" if name in ports else ""
            found.append(
                ServiceStatus(
                    name=name,
                    running=process is not None,
                    process_id=process.pid if process else None,
                    address=address,
                    log=self._processes.log(name),
                )
            )
        return found

    def openbao(self) -> OpenBao:
        """The running OpenBao, to seed it with more."""
        return start_openbao(self._processes, self.folder / "openbao", self._known_ports()["openbao"])

    @property
    def ui_url(self) -> str:
        """Where the Prefect UI is."""
        return self._prefect(self._known_ports()["prefect"]).ui_url

    @property
    def ui_password(self) -> str:
        """`user:password`, which the Prefect UI asks for."""
        return self._prefect(0).auth_file.read_text()

    def _prefect(self, port: int) -> PrefectStack:
        return PrefectStack(folder=self.folder, port=port, checkout=self._checkout)

    def _choose_ports(self) -> dict[str, int]:
        known = self._known_ports()
        chosen = {
            # A service that runs keeps its port, which is not free because of that.
            name: known[name] if name in known and self._processes.running(name) else free_port(known.get(name, usual))
            for name, usual in USUAL_PORTS.items()
        }
        (self.folder / "ports.json").write_text(json.dumps(chosen))
        return chosen

    def _known_ports(self) -> dict[str, int]:
        try:
            ports: dict[str, int] = json.loads((self.folder / "ports.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return ports

    def _engine(self) -> str:
        return "unix:///var/run/docker.sock"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two `up`s at the same time would choose the same ports."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with turn_at(self.folder / "lock"):
            yield
