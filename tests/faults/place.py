"""One environment of a service as it is in the end: in the engine, in the ledger, against the plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import httpx
from docker import DockerClient
from docker.models.containers import Container

from pratique.clients.engine.place import ENVIRONMENT, FRONT_ROLE, RELEASE, ROLE, SERVICE, WORKLOAD_ROLE
from pratique.values.promotion import Promotion
from tests.services.stack import Service

DONE, REFUSED, TRANSIENT = 0, 3, 5
"""Exit codes."""


class Dev:
    """The environment `dev` of a service."""

    def __init__(self, service: Service) -> None:
        self.service, self.stack = service, service.stack

    def containers(self, role: str = WORKLOAD_ROLE) -> list[Container]:
        """The containers of that role, running or not."""
        with _engine() as engine:
            return self._labelled(engine, role)

    def running(self) -> int:
        """How many workload containers run."""
        return sum(container.status == "running" for container in self.containers())

    def touch(self, file: str) -> None:
        """Create a file in every workload container that runs: what a held step waits for."""
        with _engine() as engine:
            for container in self._labelled(engine, WORKLOAD_ROLE):
                if container.status == "running":
                    status, output = container.exec_run(["/bin/busybox", "touch", file])
                    assert status == 0, output

    def serves(self) -> str:
        """The commit that answers at the environment's address."""
        answer = httpx.get(f"http://{self.address}/version", timeout=30).raise_for_status()
        return str(answer.json()["commit"])

    @property
    def address(self) -> str:
        """Where the environment serves: host and port."""
        with self.stack.clients() as clients, clients.ledger() as ledger:
            held = ledger.granted(self.service.name, "dev")
        assert held is not None, "dev holds nothing"
        return held.address

    def history(self) -> list[Promotion]:
        """The promotions of the service, newest first."""
        with self.stack.clients() as clients, clients.ledger() as ledger:
            return list(ledger.history(self.service.name))

    def is_free(self) -> bool:
        """Whether nobody holds the lock, and nobody waits for it."""
        with self.stack.clients() as clients, clients.ledger() as ledger:
            place = (self.service.name, "dev")
            return ledger.holder(*place) is None and not ledger.queue(*place)

    def require_settled(self, commit: str) -> None:
        """As after an undisturbed delivery of the commit: it serves, it was granted, and nothing else is there."""
        newest = self.history()[0]
        assert (newest.state, newest.commit) == ("granted", commit)
        (serving,), (_,) = self.containers(), self.containers(FRONT_ROLE)
        assert serving.labels[RELEASE] == newest.release
        assert self.serves() == commit
        assert self.is_free()
        plan = self.stack.read("plan", self.service.name, "--to", "dev")
        assert (plan["release"], plan["changes"]) == (newest.release, [])

    def _labelled(self, engine: DockerClient, role: str) -> list[Container]:
        labels = [f"{SERVICE}={self.service.name}", f"{ENVIRONMENT}=dev", f"{ROLE}={role}"]
        found: list[Container] = engine.containers.list(all=True, filters={"label": labels})
        return found


@contextmanager
def _engine() -> Iterator[DockerClient]:
    client: Any = docker.from_env()
    try:
        yield client
    finally:
        client.close()
