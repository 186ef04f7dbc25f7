"""Processes of the local stack: found again by record, ended by id."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from pratique.errors import Refused
from pratique.local.process import Processes

SLEEPER = (sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)")


def _started(processes: Processes, name: str = "sleeper") -> psutil.Process:
    processes.start(name, SLEEPER, ready=lambda: "here" in processes.log(name).read_text())
    process = processes.running(name)
    assert process is not None
    return process


def test_a_started_process_is_found_by_another_supervisor_and_ended(tmp_path: Path) -> None:
    process = _started(Processes(tmp_path))
    other = Processes(tmp_path)
    assert other.running("sleeper") == process
    assert other.stop("sleeper")
    assert not process.is_running()
    assert not other.stop("sleeper"), "what does not run cannot be ended"


def test_starting_twice_starts_once(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    first = _started(processes)
    assert _started(processes) == first
    processes.stop("sleeper")


def test_a_stranger_with_the_same_id_is_left_alone(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    process = _started(processes)
    record = tmp_path / "sleeper.json"
    text = record.read_text()
    record.write_text(text.replace(f'"id":{process.pid}', '"id":1'))
    assert processes.running("sleeper") is None
    assert not processes.stop("sleeper")
    assert psutil.pid_exists(1)
    record.write_text(text)
    processes.stop("sleeper")


def test_a_process_that_ends_while_it_starts_is_refused_with_its_last_words(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import sys; sys.exit('no such port')")
    with pytest.raises(Refused, match="no such port"):
        Processes(tmp_path).start("short", command, ready=lambda: False)


def test_a_port_that_somebody_else_took_meanwhile_is_not_taken_for_ready(tmp_path: Path) -> None:
    listen = (
        "import socket, time\n"
        "listener = socket.create_server(('127.0.0.1', {}))\n"
        "print(listener.getsockname()[1], flush=True)\n"
        "time.sleep(60)"
    )
    processes = Processes(tmp_path)
    first = (sys.executable, "-c", listen.format(0))
    processes.start("first", first, ready=lambda: processes.log("first").read_text().endswith("\n"))
    port = int(processes.log("first").read_text())
    processes.start("first", first, ready=lambda: True, port=port)
    with pytest.raises(Refused, match=r"second ended while it started: .*in use"):
        processes.start("second", (sys.executable, "-c", listen.format(port)), ready=lambda: True, port=port)
    processes.stop("first")


def test_children_end_with_their_parent(tmp_path: Path) -> None:
    script = f"import subprocess; subprocess.run({list(SLEEPER)!r})"
    processes = Processes(tmp_path)
    processes.start("parent", (sys.executable, "-c", script), ready=lambda: "here" in processes.log("parent").read_text())
    parent = processes.running("parent")
    assert parent is not None
    children = parent.children()
    assert children
    processes.stop("parent")
    end = time.monotonic() + 10
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < end, "a child outlived its parent"
