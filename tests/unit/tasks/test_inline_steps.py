"""Steps that are part of their flow run: retried as tasks are, and as silent about secrets."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pratique import scrub
from pratique.errors import Exhausted, Refused, Transient, Waiting
from pratique.values.manifest import Retries
from tasks import _step
from tasks._retries import RetryPolicy, patience
from tasks._step import JITTER, Scrubbed, inline_step

POLICY = RetryPolicy(first_delay=1, attempts=3, within=timedelta(minutes=1))


class Failing:
    """A step that fails with each of these in turn, and then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.asked = list(failures), 0

    def __call__(self) -> str:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"

    async def run(self) -> str:
        def look() -> str:
            return self()

        return await inline_step(POLICY)(look)()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(_step, "tell", lines.append)
    return lines


@pytest.fixture(autouse=True)
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(_step.asyncio, "sleep", sleep)
    return slept


async def test_what_is_transient_is_asked_again_later_and_later_and_the_log_says_why(
    log: list[str], delays: list[float]
) -> None:
    step = Failing(Transient("the registry is slow"), Transient("the registry is slow"))
    assert await step.run() == "answer"
    assert [1 <= delays[0] <= 1 + JITTER, 2 <= delays[1] <= 2 * (1 + JITTER)] == [True, True]
    assert log == [
        "look: the registry is slow; asking again in 1.0 s",
        "look: the registry is slow; asking again in 2.0 s",
    ]


async def test_it_is_asked_as_often_as_its_policy_says(log: list[str]) -> None:
    step = Failing(*(Transient("away") for _ in range(9)))
    with pytest.raises(Transient, match="away"):
        await step.run()
    assert step.asked == POLICY.attempts


async def test_an_environment_may_ask_for_more_patience(log: list[str]) -> None:
    step = Failing(*(Transient("away") for _ in range(4)))
    with patience(Retries(attempts=5, within=timedelta(hours=1))):
        assert await step.run() == "answer"


@pytest.mark.parametrize("word", [Refused("no"), Exhausted("for good"), Waiting("not yet"), ZeroDivisionError("a bug")])
async def test_nothing_else_is_asked_again(word: Exception, log: list[str]) -> None:
    step = Failing(word)
    with pytest.raises(type(word)):
        await step.run()
    assert (step.asked, log) == (1, [])


async def test_what_leaves_it_holds_no_secret(log: list[str]) -> None:
    scrub.remember("hunter2-planted")
    with pytest.raises(Scrubbed) as bug:
        await Failing(ValueError("hunter2-planted")).run()
    assert "hunter2-planted" not in repr(bug.value)
    with pytest.raises(Refused) as refused:
        await Failing(Refused("it is hunter2-planted")).run()
    assert str(refused.value) == "it is ********"
