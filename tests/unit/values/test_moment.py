"""Moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pratique.values.moment import parse_moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-25T10:00", datetime(2026, 11, 25, 10, tzinfo=UTC)),
        ("2026-11-25 10:00:30", datetime(2026, 11, 25, 10, 0, 30, tzinfo=UTC)),
        ("2026-11-25T10:00Z", datetime(2026, 11, 25, 10, tzinfo=UTC)),
        ("2026-11-25T10:00+01:00", datetime(2026, 11, 25, 9, tzinfo=UTC)),
        ("2026-11-25T23:30-05:00", datetime(2026, 11, 26, 4, 30, tzinfo=UTC)),
        ("2026-11-25", datetime(2026, 11, 25, tzinfo=UTC)),
    ],
)
def test_a_moment_is_in_utc_unless_it_says_otherwise(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "10:00", "2026-13-01T10:00", "2026-11-25T25:00", "0001-01-01T00:00+14:00", "25.11.2026", "T"]
)
def test_what_is_no_moment_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"write 2026-11-25T10:00 for UTC, or with a zone"):
        parse_moment(text)
