"""Which release is meant, said by what the tables show of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pratique.cli import views
from pratique.errors import Invalid, Refused
from pratique.values.digest import hex_of
from pratique.values.release import StoredRelease
from tests.contract.promotions import a_release
from tests.fakes.ledger import FakeLedger


class Settled:
    """Clients that have a ledger."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger

    @contextmanager
    def ledger(self) -> Iterator[FakeLedger]:
        yield self._ledger


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[StoredRelease]:
    """Three releases of hello, two of which begin alike, and one of another service."""
    digests = {"1111" + "a" * 60: "c1" * 20, "2222" + "a" * 60: "c2" * 20, "2223" + "a" * 60: "1111" + "d" * 36}
    ledger = FakeLedger()
    found = []
    for digest, commit in digests.items():
        stored = a_release()
        named = stored.release.commit.model_copy(update={"id": commit})
        release = stored.release.model_copy(update={"commit": named})
        found.append(StoredRelease(digest=f"sha256:{digest}", release=release))
        ledger.record_release(found[-1])
    ledger.record_release(a_release("other"))
    monkeypatch.setattr(views, "clients", lambda: Settled(ledger))
    return found


def test_without_a_name_it_is_the_newest(known: list[StoredRelease]) -> None:
    assert views.chosen_release("hello", None) == known[-1]


@pytest.mark.parametrize("form", ["{:.12}", "sha256:{:.12}", "{:.4}", "sha256:{:.40}"])
def test_the_beginning_of_its_digest_is_enough(known: list[StoredRelease], form: str) -> None:
    assert views.chosen_release("hello", form.format(hex_of(known[1].digest))) == known[1]


@pytest.mark.parametrize("length", [4, 12, 40])
def test_the_beginning_of_its_commit_is_enough(known: list[StoredRelease], length: int) -> None:
    assert views.chosen_release("hello", known[0].release.commit.id[:length].upper()) == known[0]


def test_where_several_begin_so_none_is_taken_and_all_are_named(known: list[StoredRelease]) -> None:
    # A commit of one release may begin as the digest of another one does.
    with pytest.raises(Refused, match="2 releases of 'hello' begin with 1111: ") as refusal:
        views.chosen_release("hello", "1111")
    assert known[0].digest in str(refusal.value)
    assert known[2].digest in str(refusal.value)
    assert views.chosen_release("hello", "sha256:1111") == known[0]


def test_another_services_release_is_not_found(known: list[StoredRelease]) -> None:
    with pytest.raises(Refused, match="no release of 'other' has a digest or a commit that begins with 1111"):
        views.chosen_release("other", "1111")


@pytest.mark.parametrize("wanted", ["", "111", "main", "sha256:", "sha256:" + "1" * 65, "1111%", "../1111"])
def test_what_is_no_beginning_of_one_is_told(known: list[StoredRelease], wanted: str) -> None:
    with pytest.raises(Invalid, match="--release"):
        views.chosen_release("hello", wanted)
