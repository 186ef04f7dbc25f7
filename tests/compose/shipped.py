"""deployments/compose.yaml, started as its first lines say, with tests/compose/outside.yaml for this machine."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests import peers
from tests.compose.images import CHECKOUT, DEPLOYMENTS, OUTSIDE

FILES = (DEPLOYMENTS / "compose.yaml", OUTSIDE)
ONCE = ("migrate", "install")
"""Services that do their work and end."""


class Shipped:
    """The project on the engine."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = {**os.environ, **variables}

    def up(self, *services: str) -> None:
        self.compose("up", "--detach", "--no-build", *services, within=900)

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout", "20", within=600)

    def compose(self, *arguments: str, check: bool = True, within: float = 300) -> str:
        """What `docker compose` writes."""
        files = [word for file in FILES for word in ("--file", str(file))]
        command = [*_program(), *files, *arguments]
        done = subprocess.run(
            command, env=self._variables, capture_output=True, text=True, check=False, timeout=within, cwd=CHECKOUT
        )
        assert not check or done.returncode == 0, f"{' '.join(arguments)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def containers(self) -> list[dict[str, Any]]:
        """Each container as `docker compose ps` tells it."""
        return [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]

    def name_of(self, service: str) -> str:
        """The name of a container of the service that runs."""
        return next(one["Name"] for one in self.containers() if one["Service"] == service and one["State"] == "running")

    def load_into_hosts(self, image: str) -> None:
        """An image of this machine's engine, in that of the environments' host too: what it could pull elsewhere."""
        command = f"docker save {image} | docker exec --interactive {self.name_of('hosts')} docker load"
        subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=120)

    def until_well(self, within: float = 600) -> None:
        """Return when everything runs that should, is healthy where it says so, and what runs once has succeeded."""
        end = time.monotonic() + within
        while unwell := [one for one in self.containers() if not _is_well(one)]:
            failed = [one["Name"] for one in unwell if one["State"] == "exited" and one["ExitCode"] not in (0, 137)]
            assert time.monotonic() < end, self.words_of([one["Service"] for one in unwell])
            assert not failed or time.monotonic() < end - within + 240, self.words_of([one["Service"] for one in unwell])
            time.sleep(2)

    def pratique(self, *arguments: str) -> Any:
        """What a command of ours answers with `--json`, in the container that has everything but an environment's secrets."""
        command = ["exec", "-T", "watch", "/app/deployments/with-secrets", "pratique", *arguments, "--json"]
        return json.loads(self.compose(*command))

    def words_of(self, services: Sequence[str]) -> str:
        """The last lines of services, for a message."""
        return self.compose("logs", "--no-color", "--tail", "40", *dict.fromkeys(services), check=False)[-12_000:]


def _program() -> list[str]:
    """The engine's own plug-in, or one that is built where there is none."""
    known = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    return ["docker", "compose"] if known else [str(peers.program("docker-compose"))]


def _is_well(container: Mapping[str, Any]) -> bool:
    if container["Service"] in ONCE:
        return bool(container["State"] == "exited" and container["ExitCode"] == 0)
    return container["State"] == "running" and container["Health"] in ("", "healthy")
