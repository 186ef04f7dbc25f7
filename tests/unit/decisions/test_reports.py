"""What people read: nothing that a commit says becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pratique.decisions.reports import dry_run_report, escaped
from pratique.values.decision import Decision, Wait
from pratique.values.environment import environment_of
from pratique.values.plan import Change, Plan
from tests.contract.promotions import a_release


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("[click](https://evil.example)", r"\[click\]\(https://evil.example\)"),
        ("<script>alert(1)</script>", r"\<script\>alert\(1\)\</script\>"),
        ("a | b", r"a \| b"),
        ("two\nlines", "two lines"),
    ],
)
def test_text_from_a_commit_stays_text(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("decision", "said", "unsaid"),
    [
        (Decision(), ["Every gate would let it in."], ["would be"]),
        (
            Decision(reasons=("not `signed`", "too late")),
            ["It would be refused:", r"- not \`signed\`", "- too late"],
            ["let it in"],
        ),
        (
            Decision(waits=(Wait(reason="closed", until=datetime(2026, 1, 5, 9, tzinfo=UTC)),)),
            ["It would wait:", "- closed", "Until 2026-01-05 09:00 UTC."],
            ["refused"],
        ),
    ],
)
def test_a_dry_run_says_what_would_be_decided_and_changed(decision: Decision, said: list[str], unsaid: list[str]) -> None:
    stored = a_release("hello")
    environment = environment_of(stored.release.manifest, "prod")
    change = Change(kind="workload", name="hello in prod", action="create", detail="run it")
    report = dry_run_report(stored, environment, Plan(changes=(change,)), decision).splitlines()
    assert "| create | workload hello in prod | run it |" in report
    assert report[-1] == "Nothing was changed, and nothing recorded."
    assert set(said) <= set(report)
    assert not any(word in line for word in unsaid for line in report)
