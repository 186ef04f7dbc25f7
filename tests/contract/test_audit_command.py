"""`pratique audit` and `pratique ledger rebuild`, as a person and a program read them."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pratique.cli import auditing as audit_command
from pratique.cli import ledger as ledger_command
from pratique.cli.exit_codes import ExitCode
from pratique.cli.main import run
from pratique.settings import LedgerSettings
from pratique.values.people import Person
from tests.contract.past import Factory
from tests.fakes.registry import FakeRegistry

BUILT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Terminal:
    """Where the commands are typed, in front of one pipeline."""

    def __init__(self, factory: Factory, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.factory, self._capsys, self._patch = factory, capsys, patch

    def type(self, *words: str) -> tuple[int, str, str]:
        """Exit code, output, complaints."""
        for module in (audit_command, ledger_command):
            self._patch.setattr(module, "clients", lambda: self.factory)
        self._patch.setattr(sys, "argv", ["pratique", *words])
        with pytest.raises(SystemExit) as ended:
            run()
        told = self._capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    factory = Factory.at(FakeRegistry(), f"sqlite:///{tmp_path / 'ledger.db'}")
    stored = factory.make("hello", BUILT)
    factory.finish(stored, factory.begun(stored, "dev"), approvals=[factory.approved(stored, "dev", "ada")])
    return Terminal(factory, capsys, monkeypatch)


def test_a_person_reads_who_let_it_in_and_that_it_is_proved(terminal: Terminal) -> None:
    code, out, _ = terminal.type("audit", "hello", "--in", "dev")
    assert code == ExitCode.DONE
    for words in ("approved by  ada", "Ada <ada@example.test>", "healthy (200 OK)", "it is still there", "today        valid"):
        assert words in out
    assert "proved: every signature verifies, and the ledger says what was signed" in out
    with terminal.factory.ledger() as ledger:
        held = ledger.granted("hello", "dev")
    assert held is not None
    assert held.evidence is not None
    assert held.evidence.removeprefix("sha256:") in out


def test_a_program_reads_the_same_with_every_digest(terminal: Terminal) -> None:
    code, out, _ = terminal.type("audit", "hello", "--in", "dev", "--json")
    told = json.loads(out)
    assert code == ExitCode.DONE
    assert (told["held"], told["proved"], told["valid"]) == (True, True, True)
    assert [one["kind"] for one in told["evidence"]] == ["grant", "verdict", "results", "approval"]
    assert told["approvals"] == [{"by": "ada", "is_click": False, "bundle": told["evidence"][3]["bundle"]}]


def test_where_the_proof_fails_the_answer_is_given_with_why_and_exit_code_3(terminal: Terminal) -> None:
    bob: dict[str, Person] = {"bob": terminal.factory.settings.people["bob"]}
    terminal.factory = terminal.factory.changed(people=bob)
    code, out, err = terminal.type("audit", "hello", "--in", "dev", "--json")
    assert code == ExitCode.REFUSED
    told = json.loads(out)
    assert told["proved"] is False
    (approval,) = [one["bundle"][7:19] for one in told["evidence"] if one["kind"] == "approval"]
    assert f"its approval {approval} is attached, but does not count: bundle sha256:{approval}" in " ".join(err.split())


@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_before_the_first_grant_nothing_was_there(terminal: Terminal, json_: list[str]) -> None:
    code, out, _ = terminal.type("audit", "hello", "--in", "dev", "--at", "2026-01-01T00:00", *json_)
    assert code == ExitCode.DONE
    assert "dev held nothing of hello 2026-01-01 00:00:00 UTC" in out or json.loads(out)["held"] is False


@pytest.mark.parametrize(
    ("at", "problem"),
    [("yesterday", "'yesterday' is no time"), (f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}", "has not come yet")],
)
def test_a_time_that_is_none_or_has_not_come_is_one_clear_error(terminal: Terminal, at: str, problem: str) -> None:
    code, out, err = terminal.type("audit", "hello", "--in", "dev", "--at", at)
    assert (code, out) == (ExitCode.USAGE, "")
    assert problem in err
    assert len(err.splitlines()) == 1


def test_a_ledger_is_rebuilt_once_and_then_left_alone(terminal: Terminal) -> None:
    place = f"{terminal.factory.settings.ledger.url}.new"
    terminal.factory = terminal.factory.changed(ledger=LedgerSettings(url=place))
    code, out, err = terminal.type("ledger", "rebuild", "hello", "--json")
    assert code == ExitCode.DONE, err
    assert json.loads(out) == {
        "services": [{"service": "hello", "releases": 1, "grants": 1, "rulings": 1}],
        "fences": [{"service": "hello", "environment": "dev", "highest": 1}],
        "left_out": [],
    }
    assert terminal.type("audit", "hello", "--in", "dev")[0] == ExitCode.DONE
    code, _, err = terminal.type("ledger", "rebuild")
    assert code == ExitCode.REFUSED
    assert "holds something, and is left alone: let ledger.url name a new one" in " ".join(err.split())
