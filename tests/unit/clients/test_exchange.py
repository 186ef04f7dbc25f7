"""Exchanges with child processes: of every size, with every kind of child."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.engine import buildkit
from pratique.clients.exchange import Process, exchange, standard_input, started
from pratique.clients.git.command import Git
from pratique.clients.rego import process as rego
from pratique.clients.rego.engine import RegoPolicies
from pratique.clients.rego.process import Limits, Question, answers_of
from pratique.decisions.gate_answers import told_to_policies
from pratique.errors import Refused, Transient
from pratique.values.facts import Facts
from pratique.values.gate import Module
from tests.fakes.policy_input import document
from tests.processes import await_end

LONG = timedelta(minutes=10)
SIZES = [0, 1, 1024, 64 * 1024, 64 * 1024 + 1, 10 * 1024**2]
ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
HELD = "import os, sys; open(sys.argv[1], 'rb').read(); "
"""A child that starts late: it waits until somebody opens its pipe."""


def told_to(script: str, told: bytes, *arguments: str, **options: Any) -> bytes:
    command = [sys.executable, "-c", script, *arguments]
    ended = exchange(command, told, name="child", within=LONG, environment={}, **options)
    assert ended.status == 0, ended.complaint
    return ended.written


class Gate:
    """Lets a held child go on as soon as it has been looked at `looks` times: by then it could not have read anything."""

    def __init__(self, folder: Path, looks: int = 2) -> None:
        self.pipe, self.looks, self.seen = folder / "gate", looks, 0
        os.mkfifo(self.pipe)

    def __call__(self, child: Process) -> None:
        self.seen += 1
        if self.seen == self.looks:
            threading.Thread(target=lambda: self.pipe.write_bytes(b"go")).start()


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_told_arrives_whole_and_so_does_the_answer(size: int, watched: bool) -> None:  # noqa: FBT001
    told = os.urandom(size)
    assert told_to(ECHO, told, watch=(lambda _: None) if watched else None) == told


@pytest.mark.parametrize("size", SIZES)
def test_a_child_that_starts_late_is_told_everything(size: int, tmp_path: Path) -> None:
    told, gate = os.urandom(size), Gate(tmp_path)
    assert told_to(HELD + ECHO, told, str(gate.pipe), watch=gate) == told
    assert gate.seen >= gate.looks


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("print('not interested')", b"not interested\n"),
        ("import sys; sys.stdin.close(); print('closed')", b"closed\n"),
        ("import sys; print(len(sys.stdin.buffer.read(10)))", b"10\n"),
        ("import sys; [sys.stdin.buffer.read(1) for _ in range(5)]; print('slow')", b"slow\n"),
        ("import sys; sys.stderr.write('x' * 10 ** 6); print('complains')", b"complains\n"),
        ("import sys; print('first', flush=True); print(len(sys.stdin.buffer.read()))", f"first\n{10**7}\n".encode()),
    ],
)
def test_a_child_may_read_as_it_likes(script: str, answer: bytes) -> None:
    assert told_to(script, b"x" * 10**7) == answer


def test_one_that_does_not_end_is_ended_with_all_it_started_and_told_by_name(tmp_path: Path) -> None:
    ids = tmp_path / "ids"
    ids.touch()
    script = (
        "import os, sys, time, pathlib\n"
        "child = os.fork()\n"
        "if child: pathlib.Path(sys.argv[1]).write_text(f'{os.getpid()} {child}')\n"
        "time.sleep(600)"
    )
    command, seconds = [sys.executable, "-c", script, str(ids)], 1.0
    # As long as it takes on this machine now until both are there.
    while not ids.read_text():
        with pytest.raises(Transient, match=rf"^child did not end within {seconds:.0f} s$"):
            exchange(command, b"x" * 10**6, name="child", within=timedelta(seconds=seconds), environment={})
        seconds *= 2
    for one in map(int, ids.read_text().split()):
        await_end(one)


def test_what_has_left_the_session_holds_nobody() -> None:
    script = "import os, time\nif not os.fork():\n os.setsid()\n time.sleep(30)\nelse:\n time.sleep(600)"
    with pytest.raises(Transient, match="did not end"):
        exchange([sys.executable, "-c", script], b"", name="child", within=timedelta(seconds=1), environment={})


def test_what_the_watch_raises_ends_the_child() -> None:
    seen: list[Process] = []

    def watch(child: Process) -> None:
        seen.append(child)
        raise Refused("enough")

    with pytest.raises(Refused, match="enough"):
        told_to("import time; time.sleep(600)", b"", watch=watch)
    assert seen[0].returncode == -signal.SIGKILL


@pytest.mark.parametrize("short_of", ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"])
def test_a_machine_that_is_short_of_something_may_be_asked_again(short_of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        number = getattr(__import__("errno"), short_of)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(Transient, match="child could not be started"):
        told_to(ECHO, b"")


def test_a_disk_that_is_full_may_be_asked_again() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", lambda: full)
        with pytest.raises(Transient, match="No space left"), standard_input(b"x", "child"):
            pass


# Every client that tells a child something, with a question of every size.


def with_bill(size: int) -> Facts:
    """Facts with a bill of materials of about so many bytes."""
    told = document()
    component = {"name": "lib", "version": "1.0", "purl": "pkg:pypi/lib@1.0", "licences": ["MIT"], "note": "x" * 1000}
    told["release"]["images"][0]["bill"] = {"components": [component] * (size // 1100)}
    return Facts.model_validate(told)


GATE = Module(
    path="p/mine.rego",
    text='package pratique.gates.mine\n\ndefault allow := false\n\nallow if input.service == "hello"\n',
    origin="service",
)


@pytest.mark.parametrize("size", [1024, 64 * 1024, 1024**2, 10 * 1024**2])
def test_gates_are_asked_about_a_bill_of_any_size(size: int) -> None:
    facts = with_bill(size)
    assert len(json.dumps(told_to_policies(facts))) >= size // 2
    (verdict,) = RegoPolicies(Limits(cpu=300, deadline=LONG)).evaluate((GATE,), facts)
    assert verdict.allowed, verdict.denials


@pytest.mark.parametrize("size", [1024, 64 * 1024, 10 * 1024**2])
def test_gates_whose_engine_starts_late_are_asked(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(tmp_path)
    late = tmp_path / "late.py"
    late.write_text(
        f"import runpy\nopen({str(gate.pipe)!r}, 'rb').read()\nrunpy.run_path({str(rego._CHILD)!r}, run_name='__main__')"
    )
    monkeypatch.setattr(rego, "_CHILD", late)
    monkeypatch.setattr(rego, "_require_little_memory", lambda child, most: gate(child))
    question = Question(modules=(("a.rego", "package a\nx := count(input.told)\n"),), query="answer := data.a.x")
    answers = answers_of([question], {"told": "x" * size}, Limits(cpu=300, deadline=LONG))
    assert answers == [{"found": size}]


@pytest.mark.parametrize(
    "child",
    ["import time; time.sleep(600)", "import os, time; os.close(1); time.sleep(600)", "import os; os.kill(os.getpid(), 9)"]
    # Whoever started the tests in the background may have them ignore a hang-up.
    + [
        f"import os, signal; signal.signal({number}, signal.SIG_DFL); os.kill(os.getpid(), {number})"
        for number in (signal.SIGTERM, signal.SIGHUP)
    ],
)
def test_an_engine_that_does_not_answer_leaves_it_open_and_blames_no_policy(
    child: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "silent.py"
    silent.write_text(child)
    monkeypatch.setattr(rego, "_CHILD", silent)
    with pytest.raises(Transient, match="the engine of the policies") as told:
        RegoPolicies(Limits(deadline=timedelta(seconds=2))).evaluate((GATE,), Facts.model_validate(document()))
    assert "simplify" not in str(told.value)


@pytest.mark.parametrize("size", SIZES)
def test_git_is_told_and_answers_at_any_size(size: int, tmp_path: Path) -> None:
    git = Git(tmp_path / "it.git", tmp_path / "settings")
    git.settings.touch()
    git.run(["init", "--quiet", "--bare", "--template="], within=LONG)
    content = os.urandom(size)
    identity = git.run(["hash-object", "-w", "--stdin"], within=LONG, stdin=content).decode().strip()
    header = f"{identity} blob {size}\n".encode()
    assert git.run(["cat-file", "--batch"], within=LONG, stdin=f"{identity}\n".encode()) == header + content + b"\n"


class Lines:
    """What a build says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def line(self, text: str) -> None:
        self.said.append(text.strip())


@pytest.mark.parametrize("size", SIZES)
def test_a_build_is_fed_a_context_of_any_size(size: int) -> None:
    lines: Any = Lines()
    script = "import sys; told = sys.stdin.buffer.read(); print('x' * 100_000); print(len(told)); sys.exit(3)"
    status, last = buildkit._run([sys.executable, "-c", script], {}, b"x" * size, lines)
    assert (status, last, lines.said[-1]) == (3, str(size), str(size))


def test_a_build_whose_plug_in_goes_on_without_it_is_ended_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[Callable[[], object]] = []

    class Held:
        """A timer that the test lets go."""

        def __init__(self, seconds: float, function: Callable[..., object], arguments: list[Any]) -> None:
            timers.append(lambda: function(*arguments))

        daemon = True

        def start(self) -> None: ...

        def cancel(self) -> None: ...

    class Overdue(Lines):
        def line(self, text: str) -> None:
            timers[0]()

    monkeypatch.setattr(threading, "Timer", Held)
    # The plug-in is a child that keeps the output open.
    script = "import os, time\nif not os.fork():\n print('building', flush=True)\ntime.sleep(600)"
    overdue: Any = Overdue()
    with pytest.raises(Transient, match="did not end within 3600 s"):
        buildkit._run([sys.executable, "-c", script], {}, b"", overdue)


def test_a_process_that_has_ended_is_not_ended_again() -> None:
    with started([sys.executable, "-c", ""], "child", stdin=subprocess.DEVNULL) as child:
        child.wait()
    assert child.returncode == 0


def test_a_child_reads_from_the_beginning_of_what_it_is_told() -> None:
    with standard_input(b"told", "child") as file:
        assert io.BufferedReader(io.FileIO(file.fileno(), closefd=False)).read() == b"told"
