"""Whoever interrupts a command learns what becomes of its run."""

from __future__ import annotations

import sys

import pytest
import typer

from pratique.cli import follow
from pratique.cli.exit_codes import ExitCode
from pratique.clients.prefect import Run

RUN, PAGE = Run(id="1", name="hello", state_type="RUNNING"), "http://prefect.test/runs/flow-run/1"


class Interrupted:
    """A Prefect before which somebody presses Ctrl-C, as often as is said."""

    def __init__(self, times: int) -> None:
        self.times, self.cancelled = times, list[str]()

    def cancel(self, run_id: str) -> None:
        self.cancelled.append(run_id)

    def family(self, _run_id: str, _tag: str) -> tuple[Run, ...]:
        if self.times:
            self.times -= 1
            raise KeyboardInterrupt
        return (RUN.model_copy(update={"state_type": "CANCELLED", "state_name": "Cancelled"}),)

    def tasks(self, *_: object) -> tuple[Run, ...]:
        return ()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LATEST", 0)


def say(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    """A person sits there, and says this when asked."""

    def confirm(*_: object, **__: object) -> bool:
        if isinstance(answer, type) and issubclass(answer, BaseException):
            raise answer
        return bool(answer)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", confirm)


def followed(prefect: Interrupted) -> Run:
    return follow.followed(prefect, RUN, PAGE)  # type: ignore[arg-type]  # as much of it as is asked for


def test_where_nobody_can_be_asked_the_run_goes_on_and_its_page_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    prefect = Interrupted(1)
    with pytest.raises(typer.Exit) as ended:
        followed(prefect)
    assert ended.value.exit_code == ExitCode.INTERRUPTED == 130
    assert f"the run goes on: {PAGE}" in capsys.readouterr().err
    assert prefect.cancelled == []


@pytest.mark.parametrize("answer", [False, typer.Abort, KeyboardInterrupt])
def test_who_does_not_say_yes_leaves_it_alone(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    say(monkeypatch, answer)
    prefect = Interrupted(1)
    with pytest.raises(typer.Exit) as ended:
        followed(prefect)
    assert (ended.value.exit_code, prefect.cancelled) == (ExitCode.INTERRUPTED, [])


def test_who_says_yes_cancels_it_and_sees_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, answer=True)
    prefect = Interrupted(1)
    assert followed(prefect).state_name == "Cancelled"
    assert prefect.cancelled == ["1"]


def test_who_does_not_wait_for_the_cancellation_may_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, answer=True)
    prefect = Interrupted(2)
    with pytest.raises(typer.Exit) as ended:
        followed(prefect)
    assert (ended.value.exit_code, prefect.cancelled) == (ExitCode.INTERRUPTED, ["1"])
