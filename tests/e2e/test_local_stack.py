"""`pratique up` and `down`: harmless twice, and nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import psutil
import pytest

from pratique.local.prefect import WORK_POOL
from pratique.values.references import SecretReference
from pratique.warm import POOL_TYPE
from tests.services.stack import RunningStack

pytestmark = pytest.mark.xdist_group("stack")


def _processes_of(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(folder) in command and process.pid != psutil.Process().pid:
            found.append(command)
    return found


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack that somebody has started, and put a secret into."""
    stack = RunningStack(tmp_path_factory.mktemp("local") / "stack")
    stack.local.folder.mkdir()
    assert stack.process("up").returncode == 0
    stack.local.openbao().put_secret("kept", {"value": "here"})
    yield stack
    stack.process("down")


def test_up_twice_starts_once_and_down_leaves_neither_process_nor_container(used: RunningStack) -> None:
    first = {service["name"]: service["process_id"] for service in used.read("status")}
    assert all(service["running"] for service in used.read("status"))
    assert used.process("up").returncode == 0
    assert {service["name"]: service["process_id"] for service in used.read("status")} == first

    with used.clients() as clients, clients.prefect() as prefect:
        # As an earlier version leaves it, for the next start.
        prefect.delete_pool(WORK_POOL)
        prefect.write_pool(WORK_POOL, "process", {}, 6)
    (used.folder / "deployed").unlink()
    down = used.process("down")
    assert down.returncode == 0, down.stderr
    assert not [number for number in first.values() if psutil.pid_exists(number)]
    assert _processes_of(used.folder) == []
    client = docker.from_env()
    assert client.containers.list(all=True, filters={"label": f"io.pratique.stack={used.local.name}"}) == []
    client.close()
    assert used.pratique("status").returncode == 4


def test_data_outlives_a_restart(used: RunningStack) -> None:
    key = used.settings().environments["prod"].trust
    used.process("down")
    config = used.local.config
    config.write_text(f'{config.read_text()}\n[services.added]\nrepository = "https://git.example.test/added.git"\n')
    assert used.process("up").returncode == 0
    assert "added" in used.settings().services, "what somebody adds to the settings is kept"
    assert used.settings().environments["prod"].trust == key, "the signing key is the same one"
    with used.clients() as clients, clients.prefect() as prefect:
        assert prefect.pools()[WORK_POOL] == POOL_TYPE
    with used.clients() as clients, clients.vault() as vault:
        assert vault.read(SecretReference.parse("vault:kv/data/kept#value")) == "here"
