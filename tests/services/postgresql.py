"""A real PostgreSQL cluster of our own, once per session."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pratique.local.process import free_port

_numbers = itertools.count(1)


class Cluster:
    """A cluster in a folder, on a loopback port, for tests only: it trusts everybody and loses data when the power goes."""

    def __init__(self, folder: Path) -> None:
        self._bin = _programs()
        self._folder = folder
        self._data = folder / "data"
        # The server refuses to run as root; the package's own user then runs it.
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.port = free_port()
        if os.geteuid() == 0:
            shutil.chown(folder, self._user)
        options = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--username=pratique"]
        command = [self._bin / "initdb", "--pgdata", self._data, *options]
        made = subprocess.run(command, **self._as_user(), capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.fail(f"initdb failed: {made.stderr}")

    def start(self) -> None:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 200,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, *options], **self._as_user(), stdout=log, stderr=log
            )
        end = time.monotonic() + 60
        while subprocess.run([self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"postgres did not start: {(self._folder / 'log').read_text()}")
            time.sleep(0.05)

    @property
    def process_id(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """At once: open connections are cut."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=30)

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"ledger{next(_numbers)}"
        administration = f"host=127.0.0.1 port={self.port} user=pratique dbname=postgres"
        with psycopg.connect(administration, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://pratique@127.0.0.1:{self.port}/{name}"

    def _as_user(self) -> dict[str, str]:
        return {"user": self._user, "cwd": str(self._folder)} if os.geteuid() == 0 else {"cwd": str(self._folder)}


def _programs() -> Path:
    """The newest installed server's folder; Debian keeps it out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        pytest.fail("the ledger's tests need a PostgreSQL server: apt-get install postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A running cluster."""
    # Not below pytest's own folder, which nobody but its owner may enter: the server may have to run as another user.
    with tempfile.TemporaryDirectory(prefix="pratique-postgresql-") as folder:
        cluster = Cluster(Path(folder))
        cluster.start()
        yield cluster
        cluster.stop()


@pytest.fixture
def new_postgresql(postgresql: Cluster) -> Callable[[], str]:
    """Makes an empty database and gives its URL."""
    return postgresql.new_database
