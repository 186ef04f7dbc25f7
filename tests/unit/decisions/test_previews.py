"""What a pull request's comment says, and that whoever opened it can put nothing into it but text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.decisions.previews import MOST_ROWS, preview_report
from pratique.values.commit import Commit
from pratique.values.plan import Change
from pratique.values.preview import EnvironmentPreview, PreviewedService

COMMIT = Commit(
    repository="https://git.example.test/team/hello.git",
    id="ab" * 20,
    author="Ada <ada@example.test>",
    committed_at=datetime(2026, 1, 1, tzinfo=UTC),
    subject="Change",
)
HELLO = PreviewedService(service="hello", environments=("dev", "prod"))


def a_change(**fields: str) -> Change:
    return Change.model_validate({"kind": "stack", "name": "queue", "action": "create", "detail": "AWS::SQS::Queue"} | fields)


def test_each_environment_has_its_changes_or_the_reason_why_there_are_none() -> None:
    said = preview_report(
        COMMIT,
        HELLO,
        [
            EnvironmentPreview(
                environment="dev", changes=(a_change(), a_change(action="replace", detail="parameter A: 1 → 2"))
            ),
            EnvironmentPreview(environment="prod", reason="its 1 stack(s) are as desired"),
        ],
    )
    assert said.splitlines() == [
        "### What hello abababababab would change",
        "",
        "#### dev",
        "",
        "| | what | how |",
        "|---|---|---|",
        "| create | stack queue | AWS::SQS::Queue |",
        "| replace | stack queue | parameter A: 1 → 2 |",
        "",
        "#### prod",
        "",
        r"Nothing to do, because its 1 stack\(s\) are as desired",
        "",
        (
            "Compared with what each environment holds now. "
            "Nothing was built, changed or granted; images are built once this is merged."
        ),
    ]


def test_what_is_wrong_with_the_manifest_is_said_with_line_and_remedy() -> None:
    problems = ("pratique.yaml at abababababab:3:1 servce: there is no such key (did you mean `service`?)",)
    said = preview_report(COMMIT, PreviewedService(problems=problems), [])
    assert r"- pratique.yaml at abababababab:3:1 servce: there is no such key \(did you mean \`service\`?\)" in said
    assert "would change" in said.splitlines()[0]


def test_what_would_be_refused_is_said_for_its_environment() -> None:
    said = preview_report(COMMIT, HELLO, [EnvironmentPreview(environment="dev", problems=("the template has no Resources",))])
    assert said.splitlines()[2:7] == ["#### dev", "", "It would be refused:", "", "- the template has no Resources"]


def test_a_table_that_nobody_would_read_is_cut_off() -> None:
    said = preview_report(COMMIT, HELLO, [EnvironmentPreview(environment="dev", changes=(a_change(),) * (MOST_ROWS + 7))])
    assert said.count("| create |") == MOST_ROWS
    assert "| | and 7 more | |" in said


@pytest.mark.parametrize(
    "text", ["/approve\n/merge", "@everyone", "[x](https://evil.example)", "<!-- pratique: preview hello -->", "a|b"]
)
def test_text_stays_text(text: str) -> None:
    said = preview_report(
        COMMIT,
        PreviewedService(service="hello", problems=(text,)),
        [EnvironmentPreview(environment="dev", changes=(a_change(name=text, detail=text),))],
    )
    assert not any(line.startswith("/") for line in said.splitlines())
    for markup in ("@everyone", "](", "<!--", "a|b"):
        assert markup not in said


@given(st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_no_line_begins_with_what_somebody_chose(texts: list[str]) -> None:
    said = preview_report(
        COMMIT,
        PreviewedService(service="hello", problems=tuple(texts)),
        [EnvironmentPreview(environment="dev", reason=text) for text in texts]
        + [EnvironmentPreview(environment="dev", problems=tuple(texts))]
        + [EnvironmentPreview(environment="dev", changes=tuple(a_change(name=text, detail=text) for text in texts))],
    )
    starts = ("", "### ", "#### ", "| ", "|---", "- ", "Nothing ", "It would ", "Compared ")
    assert all(line == "" or line.startswith(starts[1:]) for line in said.split("\n"))
