"""A worker that comes up again: the runs that its earlier life has left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import psutil
import pytest

from pratique.bootstrap import Clients
from pratique.errors import Transient
from pratique.warm import worker
from tests.fakes.prefect import FakePrefect


@dataclass
class World:
    """As much of `Clients` as a worker needs; Prefect is away as often as it is told to be."""

    server: FakePrefect = field(default_factory=lambda: FakePrefect(datetime(2026, 3, 1, tzinfo=UTC)))
    outages: int = 0

    @contextmanager
    def prefect(self) -> Iterator[FakePrefect]:
        if self.outages:
            self.outages -= 1
            raise Transient("Prefect did not answer")
        yield self.server

    def record_lost(self, notes: Path) -> list[str]:
        told: list[str] = []
        worker._record_lost(cast("Clients", self), notes, "worker-1", told.append)
        return told


def test_runs_that_are_gone_are_recorded_as_crashed_and_their_notes_removed(tmp_path: Path) -> None:
    world = World()
    world.server.add("lost")
    world.server.add("done", "COMPLETED")
    for run in ("lost", "done", "forgotten-by-prefect"):
        (tmp_path / run).touch()
    told = world.record_lost(tmp_path)
    states = {run: one.state_type for run, one in world.server.runs.items()}
    assert states == {"lost": "CRASHED", "done": "COMPLETED"}
    assert list(tmp_path.iterdir()) == []
    assert len(told) == 1


def test_a_run_that_has_outlived_its_worker_is_left_alone(tmp_path: Path) -> None:
    world = World()
    world.server.add("orphan")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        (tmp_path / "orphan").write_text(f"{process.pid} {psutil.Process(process.pid).create_time()}")
        assert world.record_lost(tmp_path) == []
        process.communicate(b"\n")
    assert world.server.runs["orphan"].state_type == "RUNNING"
    assert [note.name for note in tmp_path.iterdir()] == ["orphan"]


def test_prefect_is_asked_again_until_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "pause", lambda seconds: None)
    world = World(outages=2)
    world.server.add("lost")
    (tmp_path / "lost").touch()
    world.record_lost(tmp_path)
    assert world.server.runs["lost"].state_type == "CRASHED"
