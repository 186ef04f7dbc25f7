"""`pratique up` and `down`: harmless twice, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import docker
import psutil
import pytest

from pratique.values.references import SecretReference
from tests.services.stack import RunningStack

pytestmark = pytest.mark.xdist_group("stack")


def _processes_of(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(folder) in command and process.pid != psutil.Process().pid:
            found.append(command)
    return found


def test_up_twice_starts_once_and_down_leaves_neither_process_nor_container(tmp_path: Path) -> None:
    stack = RunningStack(tmp_path / "stack")
    stack.local.folder.mkdir()
    assert stack.process("up").returncode == 0
    first = {service["name"]: service["process_id"] for service in stack.read("status")}
    assert all(service["running"] for service in stack.read("status"))
    assert stack.process("up").returncode == 0
    assert {service["name"]: service["process_id"] for service in stack.read("status")} == first

    down = stack.process("down")
    assert down.returncode == 0, down.stderr
    assert not [number for number in first.values() if psutil.pid_exists(number)]
    assert _processes_of(stack.folder) == []
    client = docker.from_env()
    assert client.containers.list(all=True, filters={"label": f"io.pratique.stack={stack.local.name}"}) == []
    client.close()
    assert stack.pratique("status").returncode == 4


def test_data_outlives_a_restart(tmp_path: Path) -> None:
    stack = RunningStack(tmp_path / "stack")
    stack.local.folder.mkdir()
    assert stack.process("up").returncode == 0
    stack.local.openbao().put_secret("kept", {"value": "here"})
    key = stack.settings().environments["prod"].trust
    try:
        stack.process("down")
        assert stack.process("up").returncode == 0
        assert stack.settings().environments["prod"].trust == key, "the signing key is the same one"
        with stack.clients() as clients, clients.vault() as vault:
            assert vault.read(SecretReference.parse("vault:kv/data/kept#value")) == "here"
    finally:
        stack.process("down")
