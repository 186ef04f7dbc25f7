from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pratique.decisions.rulings import rulings_of
from pratique.values.digest import digest_of
from pratique.values.evidence import statement_about
from pratique.values.ruling import RULING_PREDICATE
from tests.fakes.grants import BEGAN, NOW
from tests.fakes.rulings import by, ruled, spoken
from tests.fakes.stored_release import stored_release

STORED = stored_release()
OTHER = STORED.model_copy(update={"digest": digest_of(b"other")})


@pytest.mark.parametrize("kind", ["approve", "reject", "except", "revoke", "hold", "lift"])
def test_a_person_may_make_each_kind_of_ruling(kind: str) -> None:
    found = rulings_of(STORED, spoken(STORED, by(STORED, "bob", ruled(STORED, kind))), NOW)
    assert ([(one.by, one.ruling.kind) for one in found.counted], found.faults) == ([("bob", kind)], ())


@pytest.mark.parametrize(
    ("kind", "fields", "counts"),
    [
        ("hold", {}, True),
        ("revoke", {}, True),
        ("approve", {"clicked_by": "somebody"}, True),
        ("reject", {"clicked_by": "somebody"}, True),
        ("approve", {}, False),
        ("reject", {}, False),
        ("except", {}, False),
        ("lift", {}, False),
    ],
)
def test_the_pipeline_may_hold_and_revoke_and_pass_on_clicks_and_nothing_else(
    kind: str, fields: dict[str, Any], *, counts: bool
) -> None:
    found = rulings_of(STORED, spoken(STORED, by(STORED, "", ruled(STORED, kind, **fields))), NOW)
    assert (len(found.counted), len(found.faults)) == ((1, 0) if counts else (0, 1))
    if not counts:
        assert "the pipeline may not make it by itself" in found.faults[0]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"release": OTHER.digest}, "it names the release"),
        ({"service": "other"}, "it names the service other"),
        ({"commit": "2" * 40}, "it names the commit 2222"),
        ({"environment": "moon"}, "knows no such environment"),
        ({"made_at": NOW + timedelta(seconds=1)}, "its time has not come"),
        ({"clicked_by": "bob"}, "what was clicked is for the pipeline to pass on"),
    ],
)
def test_one_that_contradicts_itself_does_not_count_and_says_why(fields: dict[str, Any], reason: str) -> None:
    found = rulings_of(STORED, spoken(STORED, by(STORED, "bob", ruled(STORED, "approve", **fields))), NOW)
    assert found.counted == ()
    assert reason in found.faults[0]


def test_one_that_was_copied_from_another_release_does_not_count() -> None:
    found = rulings_of(STORED, spoken(STORED, by(OTHER, "bob", ruled(OTHER, "approve"))), NOW)
    assert found.counted == ()
    assert "it does not speak of this release" in found.faults[0]


@pytest.mark.parametrize("predicate", [{}, {"kind": "bless"}, {"kind": "approve"}, {"kind": "revoke", "extra": 1}])
def test_what_is_no_ruling_is_told_and_does_not_count(predicate: dict[str, Any]) -> None:
    statement = by(STORED, "bob", ruled(STORED, "revoke")).model_copy(
        update={"statement": statement_about("hello/releases", STORED.digest, RULING_PREDICATE, predicate)}
    )
    found = rulings_of(STORED, spoken(STORED, statement), NOW)
    assert found.counted == ()
    assert "cannot be read" in found.faults[0]


def test_they_come_in_the_order_in_which_they_were_made() -> None:
    statements = [by(STORED, "bob", ruled(STORED, "approve", minute)) for minute in (3, 1, 2)]
    found = rulings_of(STORED, spoken(STORED, *statements), NOW)
    assert [one.ruling.made_at for one in found.counted] == [BEGAN + timedelta(minutes=minute) for minute in (1, 2, 3)]
