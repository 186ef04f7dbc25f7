"""The example, from its folder to an answer: vendored, built, pushed, deployed."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import httpx
import pytest

from pratique.clients.engine import open_builder
from pratique.clients.registry import open_registry
from pratique.settings import RegistrySettings
from pratique.values.manifest import WorkloadSection
from pratique.values.references import ImageReference
from pratique.values.sections import EngineHealthcheck, ImageSection
from tests.services.engine import COMMITTED, ArrangedWorkloads, image_build

EXAMPLE = Path(__file__).parents[2] / "examples/hello"


@pytest.fixture
def vendored(tmp_path: Path) -> Path:
    """The example's folder as a service's repository has it."""
    folder = tmp_path / "hello"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("rootfs"))
    subprocess.run([str(folder / "vendor")], check=True)
    subprocess.run([str(folder / "vendor")], check=True)
    return folder


def context_of(folder: Path) -> bytes:
    def committed(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = int(COMMITTED.timestamp()), 0, 0, "", ""
        return entry

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for file in sorted(folder.rglob("*")):
            tar.add(file, str(file.relative_to(folder)), recursive=False, filter=committed)
    return archive.getvalue()


def test_the_example_builds_the_same_twice_and_tells_what_it_is(
    vendored: Path, engine: str, registry_address: str, arranged_workloads: ArrangedWorkloads, tmp_path: Path
) -> None:
    world = arranged_workloads
    section = ImageSection(name="hello")
    build = image_build({}, commit="c" * 40).model_copy(update={"section": section, "context": context_of(vendored)})
    digests = []
    settings = RegistrySettings(address=registry_address, plain_http=True)
    repository = f"{world.service}/images/hello"
    with open_builder(engine, cache=False) as builder, open_registry(settings, None) as registry:
        for attempt in ("one", "two"):
            image = builder.export(builder.build(build, {}, world.log.append), build, tmp_path / attempt)
            digests.append(registry.push_image(repository, image, world.log.append))
    assert digests[0] == digests[1]

    workload = WorkloadSection(
        image="hello",
        port=8080,
        writable=("/tmp",),  # noqa: S108
        variables={"ENVIRONMENT": "dev", "QUEUE": 'a "queue"'},
        healthcheck=EngineHealthcheck(command=("/bin/busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/healthz")),
    )
    desired = world.desired("c").model_copy(
        update={"section": workload, "image": ImageReference(repository=repository, digest=digests[0])}
    )
    state = world.workloads.deploy(desired, {"DB_PASSWORD": "hunter2-planted"}, 1, world.log.append)
    assert httpx.get(f"http://{state.address}/healthz", trust_env=False).text == "ok\n"
    version = httpx.get(f"http://{state.address}/version", trust_env=False).text
    assert json.loads(version) == {
        "service": world.service,
        "commit": "c" * 40,
        "environment": "dev",
        "queue": 'a "queue"',
        "db_password_is_set": True,
    }
    [running] = state.containers
    container = world.client.containers.get(running.id)
    begin = time.monotonic()
    container.stop(timeout=120)
    # Ended by TERM, which it obeys at once, and not by KILL two minutes later.
    assert time.monotonic() - begin < 60
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 143
    world.workloads.remove(world.service, "dev")
    world.client.api.remove_image(str(container.image.id), force=True) if container.image else None
