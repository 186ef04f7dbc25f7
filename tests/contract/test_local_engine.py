"""The local stack's engine: the one that is there, one that is started, and the front image that is made."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from pratique.clients.engine import connect
from pratique.errors import Invalid
from pratique.local.engine import NAME, ensure_engine, ensure_front_image
from pratique.local.process import Processes, free_port


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: a Unix socket's may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def test_an_engine_that_answers_is_taken_and_nothing_is_started(engine: str, folder: Path) -> None:
    processes = Processes(folder / "processes")
    assert ensure_engine(processes, folder, socket=Path(engine.removeprefix("unix://"))) == engine
    assert processes.running(NAME) is None


@pytest.fixture
def bridge() -> Iterator[str]:
    """A bridge of the test's own: an engine told to use none would take away `docker0`, which is the machine's."""
    name = f"prtest-{uuid.uuid4().hex[:6]}"
    subprocess.run(["ip", "link", "add", "name", name, "type", "bridge"], check=True)
    yield name
    subprocess.run(["ip", "link", "delete", name], check=True)


def test_an_engine_is_started_where_none_answers_found_again_and_ended(folder: Path, bridge: str) -> None:
    processes, socket = Processes(folder / "processes"), folder / "engine.sock"
    # Beside the machine's own engine: nothing of its network may be touched, and nothing below /var.
    options = (
        f"--bridge={bridge}",
        "--iptables=false",
        "--ip-forward=false",
        f"--exec-root={folder / 'run'}",
        f"--pidfile={folder / 'engine.pid'}",
    )
    try:
        address = ensure_engine(processes, folder, socket=socket, options=options)
        process = processes.running(NAME)
        assert process is not None
        with connect(address) as client:
            assert client.info()["DockerRootDir"] == str(folder / "dockerd")
        assert ensure_engine(processes, folder, socket=socket, options=options) == address
        assert processes.running(NAME) == process
    finally:
        assert processes.stop(NAME, within=30)
    assert processes.running(NAME) is None


@pytest.mark.parametrize(("program", "user", "problem"), [(None, 0, "not installed"), ("/usr/sbin/dockerd", 1000, "only root")])
def test_without_a_way_to_start_one_it_is_invalid_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, folder: Path, program: str | None, user: int, problem: str
) -> None:
    monkeypatch.setattr("pratique.local.engine.shutil.which", lambda name: program)
    monkeypatch.setattr("pratique.local.engine.os.geteuid", lambda: user)
    with pytest.raises(Invalid, match=rf"{problem}.*docker\.io"):
        ensure_engine(Processes(folder), folder, socket=folder / "none.sock")


def test_where_no_front_can_be_pulled_one_is_made_of_this_machines_haproxy(engine: str, docker_client: DockerClient) -> None:
    own = f"pratique/front:tests-{secrets.token_hex(4)}"
    wanted = f"127.0.0.1:{free_port()}/haproxy:1"
    try:
        assert ensure_front_image(engine, wanted, own=own) == own
        version = docker_client.containers.run(
            own, ["-v"], remove=True, read_only=True, user="65532:65532", network_mode="none"
        )
        assert version.decode().startswith("HAProxy version")
        assert ensure_front_image(engine, wanted, own=own) == own
        # What the engine has already is taken, without asking anybody.
        assert ensure_front_image(engine, own, own="unused") == own
    finally:
        docker_client.api.remove_image(own)


def test_without_haproxy_and_without_a_registry_it_is_invalid(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shutil.which
    monkeypatch.setattr(
        "pratique.local.engine.shutil.which", lambda name, **options: None if name == "haproxy" else found(name, **options)
    )
    with pytest.raises(Invalid, match="apt-get install haproxy"):
        ensure_front_image(engine, f"127.0.0.1:{free_port()}/haproxy:1", own="pratique/absent:none")
