from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from pratique.clients.program import LARGEST_ANSWER, find_program, run_program
from pratique.errors import Invalid, Refused, Transient
from tests.processes import await_end

SOON = timedelta(seconds=60)


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_status_answer_and_complaint_come_back(tmp_path: Path) -> None:
    ended = run_program(
        python("import sys; print('answer'); sys.stderr.write('first\\n\\n second\\x1b[31m\\n'); sys.exit(3)"),
        tmp_path,
        within=SOON,
    )
    assert (ended.status, ended.answer, ended.complaint) == (3, b"answer\n", "first; second [31m")


def test_nothing_of_the_workers_environment_is_seen_but_what_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "planted")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.test")
    ended = run_program(python("import os; print(sorted(os.environ))"), tmp_path, within=SOON, environment={"OURS": "1"})
    told = ended.answer.decode()
    assert "VAULT_TOKEN" not in told
    assert "HTTPS_PROXY" in told
    assert "OURS" in told


def test_it_runs_in_the_folder_it_is_given(tmp_path: Path) -> None:
    ended = run_program(python("import os; print(os.getcwd())"), tmp_path, within=SOON)
    assert Path(ended.answer.decode().strip()) == tmp_path.resolve()


def test_one_that_does_not_end_is_ended_with_what_it_started_and_may_be_asked_again(tmp_path: Path) -> None:
    file, seconds = tmp_path / "child", 1
    # As long as it takes on this machine now until there is a child to be ended, too.
    while not file.exists() or not file.read_text():
        with pytest.raises(Transient, match=f"did not end within {seconds} s"):
            run_program(["/bin/sh", "-c", "sleep 600 & echo $! > child; wait"], tmp_path, within=timedelta(seconds=seconds))
        seconds *= 2
    await_end(int(file.read_text()))


def test_an_answer_without_end_is_refused(tmp_path: Path) -> None:
    script = f"import sys; sys.stdout.seek({LARGEST_ANSWER}); sys.stdout.write('x')"
    with pytest.raises(Refused, match=rf"wrote {LARGEST_ANSWER + 1} bytes"):
        run_program(python(script), tmp_path, within=SOON)


def test_a_program_that_is_not_there_is_invalid_with_its_remedy() -> None:
    with pytest.raises(Invalid, match="there is no such program on this machine") as no:
        find_program("no-such-scanner", "install it")
    assert (no.value.place, no.value.remedy) == ("no-such-scanner", "install it")


def test_a_file_that_is_no_program_for_this_machine_is_invalid(tmp_path: Path) -> None:
    program = tmp_path / "scanner"
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(0o755)
    with pytest.raises(Invalid, match="it cannot be run: Exec format error"):
        run_program([find_program(str(program), "")], tmp_path, within=SOON)
