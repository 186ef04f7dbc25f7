"""Environments side by side: none ends another's promotion."""

from __future__ import annotations

import asyncio

import pytest

from pratique.errors import Exhausted, Refused, Waiting
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease
from tasks import generations
from tasks.generations import promote_generation
from tests.contract.promotions import a_promotion, a_release

WORDS = {
    "refused": Refused("it is not signed", "nor built from its commit"),
    "exhausted": Exhausted("the registry does not answer"),
    "waiting": Waiting("it is closed"),
    "bug": ZeroDivisionError("a bug"),
}


@pytest.fixture
def granted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What came in; environments are named by what becomes of them."""
    found: list[str] = []

    async def promote(_stored: StoredRelease, environment: str, _requested_by: str) -> Promotion:
        if environment in WORDS:
            raise WORDS[environment]
        await asyncio.sleep(0.01)
        found.append(environment)
        return a_promotion(environment=environment)

    monkeypatch.setattr(generations, "promote_in_own_run", promote)
    return found


async def test_all_come_in(granted: list[str]) -> None:
    assert [one.environment for one in await promote_generation(a_release(), ["eu", "us"], "Ada")] == ["eu", "us"]


@pytest.mark.parametrize(
    ("environments", "word", "told"),
    [
        (["waiting", "eu"], Waiting, "it is closed"),
        (["waiting", "eu", "refused"], Refused, "it is not signed; nor built from its commit; it is closed"),
        (["exhausted", "waiting", "eu"], Exhausted, "the registry does not answer; it is closed"),
        (["exhausted", "refused", "eu"], Refused, "it is not signed; nor built from its commit; the registry does not answer"),
        (["bug", "refused", "eu"], ZeroDivisionError, "a bug"),
    ],
)
async def test_the_others_come_in_and_the_gravest_word_is_said_with_every_reason(
    granted: list[str], environments: list[str], word: type[Exception], told: str
) -> None:
    with pytest.raises(word) as failure:
        await promote_generation(a_release(), environments, "Ada")
    assert str(failure.value) == told
    assert granted == ["eu"]
