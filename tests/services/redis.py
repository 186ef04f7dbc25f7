"""A real Redis of our own."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique.local.process import Processes, free_port

NAME = "redis"


def start_redis(processes: Processes, folder: Path, port: int) -> str:
    """Its URL, without a database, once it answers; it keeps nothing on disk."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("tests of several machines need Redis: apt-get install redis-server")
    folder.mkdir(parents=True, exist_ok=True)
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    # As docs/scaling.md asks: what Prefect waits for must never be evicted.
    command += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
    processes.start(NAME, command, ready=lambda: _answers(port), port=port)
    return f"redis://127.0.0.1:{port}"


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16) == b"+PONG\r\n"
    except OSError:
        return False


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The URL of a running Redis."""
    with tempfile.TemporaryDirectory(prefix="pratique-redis-") as folder:
        processes = Processes(Path(folder) / "processes")
        yield start_redis(processes, Path(folder) / "data", free_port())
        processes.stop(NAME)
