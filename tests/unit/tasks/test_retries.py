"""How often a step is asked again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pratique.values.manifest import Retries
from tasks._retries import LONGEST_DELAY, MOST_ATTEMPTS, RetryPolicy, patience

POLICY = RetryPolicy(first_delay=1, attempts=3, within=timedelta(seconds=10))


@pytest.mark.parametrize(
    ("attempts", "seconds", "allowed"),
    [(1, 0, True), (2, 9, True), (3, 0, False), (2, 10, False), (2, 11, False)],
    ids=["first failure", "in time", "attempts used up", "exactly out of time", "out of time"],
)
def test_both_bounds_hold(attempts: int, seconds: int, *, allowed: bool) -> None:
    assert POLICY.allows(attempts, timedelta(seconds=seconds)) is allowed


def test_an_environment_may_ask_for_more_or_less() -> None:
    with patience(Retries(attempts=5, within=timedelta(seconds=60))):
        assert POLICY.allows(4, timedelta(seconds=30))
    with patience(Retries(attempts=1)):
        assert not POLICY.allows(1, timedelta(0))
    assert not POLICY.allows(4, timedelta(seconds=30)), "what an environment asks for ends with it"


def test_delays_grow_to_a_ceiling_and_suffice_for_the_most_that_may_be_asked() -> None:
    delays = POLICY.delays()
    assert delays[:4] == [1, 2, 4, 8]
    assert max(delays) == LONGEST_DELAY
    assert len(delays) == MOST_ATTEMPTS - 1
