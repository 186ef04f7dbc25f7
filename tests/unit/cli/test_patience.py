"""What a person reads while a command asks again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from pratique.cli.patience import ATTEMPTS, patiently
from pratique.errors import Refused, Transient


class Busy:
    """Answers after so many failures."""

    def __init__(self, failures: int) -> None:
        self.failures, self.asked = failures, 0

    def __call__(self) -> str:
        self.asked += 1
        if self.asked <= self.failures:
            raise Transient("Vault is sealed; unseal it")
        return "answer"


@pytest.fixture(autouse=True)
def _without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


def test_why_it_is_asked_again_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert patiently(Busy(2)) == "answer"
    assert capsys.readouterr().err == "Vault is sealed; unseal it; asking again\n" * 2


def test_what_lasts_is_told_in_the_end() -> None:
    busy = Busy(ATTEMPTS)
    with pytest.raises(Transient, match="Vault is sealed"):
        patiently(busy)
    assert busy.asked == ATTEMPTS


def test_a_no_is_not_asked_again() -> None:
    def refuse() -> str:
        raise Refused("no")

    with pytest.raises(Refused):
        patiently(refuse)
