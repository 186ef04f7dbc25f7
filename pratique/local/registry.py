"""The registry of the local stack: Debian's `docker-registry` where it is installed, otherwise the official image."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import httpx
import requests
from docker.errors import DockerException, NotFound

from pratique.errors import Invalid, Refused
from pratique.local.process import Processes

NAME = "registry"
PROGRAM = "docker-registry"
IMAGE = "docker.io/library/registry:2"
STACK_LABEL = "io.pratique.stack"
"""Label on every container of a local stack, by which `down` finds it; its value names the stack."""

_NO_LOGIN: Mapping[str, Any] = {}


def start_registry(
    processes: Processes,
    folder: Path,
    port: int,
    *,
    name: str = NAME,
    stack: str = "",
    login: Mapping[str, Any] = _NO_LOGIN,
) -> str:
    """Its address (`host:port`), once it answers; all it holds is below `folder`. Nothing is done where it runs already.

    `stack` is the label's value where it becomes a container; absent, the folder's name.
    `login` is the `auth` section of its configuration; absent, whoever reaches the loopback interface may push.
    """
    storage = folder / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    program = shutil.which(PROGRAM)
    if program is None:
        return _start_container(stack or folder.name, storage, port)
    address = f"127.0.0.1:{port}"
    file = folder / "config.yml"
    # JSON is YAML too.
    file.write_text(json.dumps(configuration(storage, address, login), indent=2))
    processes.start(name, [program, "serve", str(file)], ready=lambda: answers(address), port=port)
    return address


def configuration(storage: Path, address: str, login: Mapping[str, Any] = _NO_LOGIN) -> dict[str, Any]:
    """For distribution 2.8 (distribution.github.io/distribution/about/configuration): all may be deleted, nothing redirects."""
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "delete": {"enabled": True},
            "redirect": {"disable": True},
        },
        "http": {"addr": address},
        **({"auth": dict(login)} if login else {}),
    }


def answers(address: str) -> bool:
    """Whether a registry answers there, be it by asking for a login."""
    try:
        response = httpx.get(f"http://{address}/v2/", timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    return "Docker-Distribution-Api-Version" in response.headers


def _start_container(stack: str, storage: Path, port: int) -> str:
    """The address at which the container is published: of one that runs already, the port it was given then."""
    try:
        engine = docker.from_env(timeout=120)
        try:
            address = _published(engine, stack, storage, port)
        finally:
            engine.close()
    except (DockerException, requests.RequestException) as error:
        problem = f"is not installed, and {IMAGE} cannot be run in its place ({type(error).__name__})"
        raise Invalid(PROGRAM, problem, "run `apt-get install docker-registry`, or let an engine pull that image") from None
    end = time.monotonic() + 60
    while not answers(address):
        if time.monotonic() > end:
            raise Refused(f"the registry in a container did not answer at {address} within 60 s: see `docker logs`")
        time.sleep(0.1)
    return address


def _published(engine: docker.DockerClient, stack: str, storage: Path, port: int) -> str:
    name = f"{stack}-registry"
    try:
        container = engine.containers.get(name)
        container.start()
    except NotFound:
        container = engine.containers.run(
            IMAGE,
            name=name,
            detach=True,
            labels={STACK_LABEL: stack},
            environment={"REGISTRY_STORAGE_DELETE_ENABLED": "true"},
            ports={"5000/tcp": ("127.0.0.1", port)},
            volumes={str(storage.resolve()): {"bind": "/var/lib/registry", "mode": "rw"}},
        )
    container.reload()
    published = container.ports.get("5000/tcp")
    if not published:
        raise Refused(f"the container {name} publishes no port: see `docker logs {name}`, and remove it")
    return f"127.0.0.1:{published[0]['HostPort']}"
