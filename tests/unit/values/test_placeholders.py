"""Placeholders in texts."""

from __future__ import annotations

import pytest

from pratique.values.placeholders import fill, placeholder_problem, stack_outputs


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("", ""),
        ("plain $environment {environment}", "plain $environment {environment}"),
        ("${environment}-${environment}", "prod-prod"),
        ("${unknown} ${environment}", "${unknown} prod"),
        # What was filled in is not looked into again.
        ("${evil}", "${environment}"),
    ],
)
def test_known_placeholders_are_replaced_once(text: str, filled: str) -> None:
    assert fill(text, {"environment": "prod", "evil": "${environment}"}) == filled


def test_outputs_are_found_in_their_order() -> None:
    assert stack_outputs("${a.One}, ${environment}, ${b-c.Two2}, ${A.x}, ${a.b.c}") == (("a", "One"), ("b-c", "Two2"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("plain $ { } $x", None),
        ("${environment} ${a.Out}", None),
        ("${other}", "nothing is known as ${other}"),
        ("${b.Out}", "nothing is known as ${b.Out}"),
        ("${a.Out.more}", "nothing is known as ${a.Out.more}"),
        ("${}", "nothing is known as ${}"),
        ("${ environment }", "nothing is known as ${ environment }"),
        ("${environment", "not closed"),
        ("${a${environment}}", "not closed"),
    ],
)
def test_a_placeholder_is_known_or_named(text: str, problem: str | None) -> None:
    found = placeholder_problem(text, ["environment"], ["a"])
    assert found is None if problem is None else found is not None and problem in found
