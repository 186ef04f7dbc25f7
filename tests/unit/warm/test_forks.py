# ruff: noqa: ASYNC220, ASYNC240  # what is awaited here lives in other processes
"""Forked processes of runs: what they get, how they end, and that none outlives who asked for it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from pratique.errors import Refused
from pratique.warm.forks import CHECKOUT, LOST, Forks, has_process, runs_with_a_process
from pratique.warm.server import CANCEL

CHILD = """
import os, pathlib, signal, subprocess, sys, time
def call(what, file):
    said = pathlib.Path(file)
    if what == "say":
        print("to nobody")
        said.write_text(f"{os.getcwd()} {os.environ.get('COLOUR')} {os.getsid(0) == os.getpid()} {sys.stdin.read()!r}")
        return 7
    if what == "exit":
        sys.exit(3)
    if what == "fail":
        raise RuntimeError("last words")
    if what == "cancelled":
        signal.signal(signal.SIGUSR1, lambda *_: sys.exit(9))
        time.sleep(0.3)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    said.write_text(str(left.pid))
    if what != "leave":
        time.sleep(600)
    return 0
"""

Make = Callable[..., Forks]


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    (tmp_path / "child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("COLOUR", "blue")
    made: list[Forks] = []

    def forks(*modules: str) -> Forks:
        made.append(Forks("child:call", modules, tmp_path / "notes"))
        return made[-1]

    yield forks
    for one in made:
        one.close()
        if one._server is not None:
            await asyncio.to_thread(one._server.process.wait)


async def _written(file: Path) -> str:
    while not (file.exists() and (text := file.read_text())):
        await asyncio.sleep(0.01)
    return text


async def _gone(process_id: int) -> None:
    while psutil.pid_exists(process_id) and psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE:
        await asyncio.sleep(0.01)


async def test_the_child_has_the_workers_variables_works_in_the_checkout_and_says_its_status(
    make: Make, tmp_path: Path
) -> None:
    fork = await make().fork("run", "say", str(tmp_path / "said"))
    assert await fork.ended() == 7
    assert (tmp_path / "said").read_text() == f"{CHECKOUT} blue True ''"


@pytest.mark.parametrize(("what", "status"), [("exit", 3), ("fail", 1)])
async def test_a_child_that_ends_by_itself_says_how(make: Make, tmp_path: Path, what: str, status: int) -> None:
    assert await (await make().fork("run", what, str(tmp_path / "x"))).ended() == status


async def test_a_signal_ends_the_child_and_shows_in_its_status(make: Make, tmp_path: Path) -> None:
    fork = await make().fork("run", "wait", str(tmp_path / "left"))
    left = int(await _written(tmp_path / "left"))
    fork.send(signal.SIGTERM)
    assert await fork.ended() == 128 + signal.SIGTERM
    await _gone(left)


async def test_a_cancellation_that_comes_before_the_child_can_hear_it_is_not_lost(make: Make, tmp_path: Path) -> None:
    fork = await make().fork("run", "cancelled", str(tmp_path / "left"))
    fork.send(CANCEL)
    assert await fork.ended() == 9


async def test_what_a_run_leaves_behind_ends_with_it(make: Make, tmp_path: Path) -> None:
    fork = await make().fork("run", "leave", str(tmp_path / "left"))
    assert await fork.ended() == 0
    await _gone(int((tmp_path / "left").read_text()))


async def test_children_die_with_their_server_which_is_told_and_the_next_run_has_a_new_one(make: Make, tmp_path: Path) -> None:
    forks = make()
    fork = await forks.fork("run", "wait", str(tmp_path / "left"))
    left = int(await _written(tmp_path / "left"))
    assert forks._server is not None
    forks._server.process.kill()
    assert await fork.ended() == LOST
    await _gone(fork.process_id)
    await _gone(left)
    assert await (await forks.fork("next", "exit", "")).ended() == 3


async def test_a_change_of_the_code_brings_a_new_server_and_the_old_one_stays_for_its_runs(make: Make, tmp_path: Path) -> None:
    forks = make()
    old = await forks.fork("old", "wait", str(tmp_path / "left"))
    before = forks._server
    assert before is not None
    (tmp_path / "child.py").write_text(CHILD.replace("sys.exit(3)", "sys.exit(4)"))
    new = await forks.fork("new", "exit", "")
    assert await new.ended() == 4
    assert forks._server is not before
    assert psutil.pid_exists(old.process_id)
    old.send(signal.SIGKILL)
    assert await old.ended() == LOST
    assert await asyncio.to_thread(before.process.wait) == 0


async def test_code_that_cannot_be_imported_refuses_the_run_and_not_the_one_after_it(make: Make, tmp_path: Path) -> None:
    forks = make()
    await forks.ready()
    (tmp_path / "child.py").write_text("not Python")
    with pytest.raises(Refused, match="ended while it started, with status 1"):
        await forks.fork("run", "exit", "")
    (tmp_path / "child.py").write_text(CHILD)
    assert await (await forks.fork("run", "exit", "")).ended() == 3


async def test_a_module_that_starts_a_thread_is_refused(make: Make, tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    with pytest.raises(Refused, match="ended while it started"):
        await make("threaded").ready()


async def test_a_run_has_a_note_while_it_lives(make: Make, tmp_path: Path) -> None:
    fork = await make().fork("some-run", "wait", str(tmp_path / "left"))
    await _written(tmp_path / "left")
    assert runs_with_a_process(tmp_path / "notes") == {"some-run"}
    fork.send(signal.SIGKILL)
    await fork.ended()
    await asyncio.sleep(0)
    assert list((tmp_path / "notes").iterdir()) == []


ASKER = """
import asyncio, pathlib, sys
from pratique.warm.forks import Forks
async def main():
    fork = await Forks("child:call", [], pathlib.Path(sys.argv[1])).fork("lost-run", "wait", sys.argv[2])
    print(fork.process_id, flush=True)
    await fork.ended()
asyncio.run(main())
"""


async def test_a_killed_worker_takes_its_runs_along_and_leaves_their_notes(make: Make, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ASKER, str(tmp_path / "notes"), str(tmp_path / "left")]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{CHECKOUT}"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout is not None
        child = int(asker.stdout.readline())
        left = int(await _written(tmp_path / "left"))
        asker.kill()
    await _gone(child)
    await _gone(left)
    assert [note.name for note in (tmp_path / "notes").iterdir()] == ["lost-run"]
    assert runs_with_a_process(tmp_path / "notes") == set()


def test_another_process_that_has_the_same_id_is_not_taken_for_the_run(tmp_path: Path) -> None:
    note = tmp_path / "run"
    note.write_text(f"{os.getpid()} {psutil.Process().create_time()}")
    assert has_process(note)
    note.write_text(f"{os.getpid()} {time.time() - 9999}")
    assert not has_process(note)
    note.write_text("nonsense")
    assert not has_process(note)
