"""Attempts are told by tags."""

from __future__ import annotations

import pytest

from pratique.clients.prefect import Run
from pratique.pipeline.attempts import attempt_of, first_of, identity, next_attempt


def run(*tags: str, run_count: int = 1) -> Run:
    return Run(id="b", name="hello → prod", tags=tags, run_count=run_count)


def test_a_run_that_was_asked_for_is_the_first_attempt() -> None:
    assert attempt_of(["pratique"]) == 1
    assert first_of(["pratique"]) is None


@pytest.mark.parametrize(
    ("dead", "expected"),
    [
        (run("pratique"), {"pratique", "first:b:1", "attempt:2"}),
        (run("pratique", run_count=0), {"pratique", "first:b:1", "attempt:2"}),
        (run("pratique", run_count=2), {"pratique", "first:b:2", "attempt:2"}),
        (run("pratique", "first:a:1", "attempt:2"), {"pratique", "first:a:1", "attempt:3"}),
    ],
    ids=["first", "killed-before-it-ran", "retried-by-a-person", "second"],
)
def test_the_next_attempt_goes_on_for_the_first(dead: Run, expected: set[str]) -> None:
    assert set(next_attempt(dead)) == expected


def test_a_run_that_a_person_retries_is_another_life() -> None:
    assert identity("a", 1) != identity("a", 2)
