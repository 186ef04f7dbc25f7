"""Warm starts: a forked child is as good as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pratique.local.process import Processes
from pratique.warm import launch

CHILD = """
import os, sys, time
print("arguments", *sys.argv[1:], "colour", os.environ.get("COLOUR"), "in", os.getcwd(), "main", __name__, flush=True)
if sys.argv[1:] == ["wait"]:
    time.sleep(600)
sys.exit(7)
"""


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "child.py").write_text(CHILD)
    path = tmp_path / "warm.sock"
    processes = Processes(tmp_path / "processes")
    (tmp_path / "preloaded.py").write_text("VALUE = 1")
    command = [sys.executable, "-m", "pratique.warm.server", str(path), "preloaded"]
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    processes.start("warm", command, ready=path.exists, environment=environment)
    yield path
    processes.stop("warm")


def _launch(socket: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-S", "-E", launch.__file__, str(socket), "child", *arguments]
    environment = {**os.environ, "COLOUR": "blue"}
    return subprocess.Popen(command, cwd=socket.parent, env=environment, stdout=subprocess.PIPE, text=True)


def _waiting(socket: Path) -> tuple[subprocess.Popen[str], psutil.Process]:
    """A launcher whose child waits, and the child."""
    launcher = _launch(socket, "wait")
    assert launcher.stdout is not None
    assert "wait" in launcher.stdout.readline()
    server = Processes(socket.parent / "processes").running("warm")
    assert server is not None
    (child,) = server.children()
    return launcher, child


def _gone(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        # A zombie has ended, too: it waits for its parent to ask how.
        end = time.monotonic() + 10
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > end:
                return False
    return True


def test_the_child_has_the_launchers_arguments_environment_folder_and_output(socket: Path) -> None:
    launcher = _launch(socket, "a", "b c")
    output, _ = launcher.communicate(timeout=30)
    assert output == f"arguments a b c colour blue in {socket.parent} main __main__\n"
    assert launcher.returncode == 7


def test_the_environment_of_one_child_does_not_reach_the_next(socket: Path) -> None:
    _launch(socket, "a").communicate(timeout=30)
    command = [sys.executable, "-I", "-S", "-E", launch.__file__, str(socket), "child"]
    environment = {key: value for key, value in os.environ.items() if key != "COLOUR"}
    second = subprocess.run(
        command, cwd=socket.parent, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert "colour None" in second.stdout


def test_a_signal_to_the_launcher_ends_the_child_and_shows_in_the_status(socket: Path) -> None:
    launcher, child = _waiting(socket)
    launcher.send_signal(signal.SIGTERM)
    launcher.communicate(timeout=30)
    assert launcher.returncode == 128 + signal.SIGTERM
    assert _gone(child)


def test_a_killed_launcher_takes_its_child_along(socket: Path) -> None:
    launcher, child = _waiting(socket)
    launcher.kill()
    launcher.communicate(timeout=30)
    assert _gone(child)


def test_children_die_with_the_server_and_their_launchers_say_so(socket: Path) -> None:
    launcher, child = _waiting(socket)
    server = Processes(socket.parent / "processes").running("warm")
    assert server is not None
    server.kill()
    launcher.communicate(timeout=30)
    assert launcher.returncode == 128 + signal.SIGKILL
    assert _gone(child)


def test_without_a_server_the_start_is_cold_and_works_as_well(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(CHILD)
    output, _ = (launcher := _launch(tmp_path / "no.sock", "a")).communicate(timeout=60)
    assert "arguments a colour blue" in output
    assert launcher.returncode == 7


def test_a_run_after_a_change_of_the_code_has_the_new_code_and_the_server_imports_anew(socket: Path) -> None:
    (socket.parent / "child.py").write_text("import preloaded; print(preloaded.VALUE)")
    assert _launch(socket).communicate(timeout=60)[0] == "1\n"
    (socket.parent / "preloaded.py").write_text("VALUE = 'changed'")
    assert _launch(socket).communicate(timeout=60)[0] == "changed\n", "started cold"
    log = Processes(socket.parent / "processes").log("warm")
    assert "importing it again" in log.read_text()
    assert _launch(socket).communicate(timeout=60)[0] == "changed\n", "cold or warm, as quick as the server was"


def test_the_socket_is_the_owners_alone(socket: Path) -> None:
    assert socket.stat().st_mode & 0o077 == 0


def test_a_module_that_starts_a_thread_is_refused(tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(5,), name='t').start()\n"
    )
    command = [sys.executable, "-m", "pratique.warm.server", str(tmp_path / "s"), "threaded"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "started threads" in done.stderr


def test_a_run_has_a_note_while_it_lives(socket: Path) -> None:
    notes = Path(f"{socket}.runs")
    notes.mkdir()
    command = [sys.executable, "-I", "-S", "-E", launch.__file__, "$WHERE", "child", "wait"]
    environment = {**os.environ, "WHERE": str(socket), "PREFECT__FLOW_RUN_ID": "some-run"}
    launcher = subprocess.Popen(command, cwd=socket.parent, env=environment, stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    assert "wait" in launcher.stdout.readline()
    assert [note.name for note in notes.iterdir()] == ["some-run"]
    launcher.send_signal(signal.SIGTERM)
    launcher.communicate()
    assert list(notes.iterdir()) == []


def test_the_note_of_a_run_whose_machine_was_lost_stays(socket: Path) -> None:
    notes = Path(f"{socket}.runs")
    notes.mkdir()
    command = [sys.executable, "-I", "-S", "-E", launch.__file__, str(socket), "child", "wait"]
    environment = {**os.environ, "PREFECT__FLOW_RUN_ID": "lost-run"}
    launcher = subprocess.Popen(command, cwd=socket.parent, env=environment, stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    assert "wait" in launcher.stdout.readline()
    launcher.kill()
    launcher.communicate()
    assert [note.name for note in notes.iterdir()] == ["lost-run"]
