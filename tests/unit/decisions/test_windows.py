"""Windows and freezes: a table of clocks, and what holds of any."""

# ruff: noqa: DTZ001  # a time on a clock has no zone of its own

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pratique.decisions.windows import Opening, moment, opening_at
from pratique.values.recurrence import Recurrence

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "cases" / "windows.json").read_text())
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "America/Sao_Paulo"]
SUNDAYS = [datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)]
"""Around which clocks are changed."""


def recurrence(text: str) -> Recurrence:
    names = ("rrule", "start", "duration", "timezone", "reason")
    return Recurrence.model_validate(dict(zip(names, text.split(" | "), strict=False)))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_clock_says_open_or_closed_and_until_when(case: dict[str, Any]) -> None:
    windows, freezes = ([recurrence(text) for text in case.get(key, [])] for key in ("windows", "freezes"))
    opening = opening_at(windows, freezes, at(case["now"]))
    assert (opening.is_open, opening.changes_at) == (case["open"], case["until"] and at(case["until"]))
    if "words" in case:
        assert opening.words == case["words"]


def recurrences() -> some.SearchStrategy[Recurrence]:
    return some.builds(
        Recurrence,
        rrule=some.sampled_from(
            ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,SU", "FREQ=DAILY;INTERVAL=3", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=DAILY;COUNT=80"]
        ),
        start=some.datetimes(datetime(2026, 1, 1), datetime(2026, 2, 1)).map(lambda day: day.replace(second=0, microsecond=0)),
        duration=some.integers(1, 60 * 50).map(lambda minutes: timedelta(minutes=minutes)),
        timezone=some.sampled_from(ZONES),
    )


moments = some.builds(
    lambda sunday, minutes: sunday + timedelta(minutes=minutes), some.sampled_from(SUNDAYS), some.integers(-3 * 1440, 3 * 1440)
)
several = some.lists(recurrences(), max_size=3)


def is_within(one: Recurrence, now: datetime) -> bool:
    """The definition, without any calculation of spans: some occurrence has begun and not ended."""
    shown = now.astimezone(one.zone).replace(tzinfo=None)
    starts = one.starts(shown - one.duration - timedelta(days=2), shown + timedelta(days=2))
    return any(moment(start, one.zone) <= now < moment(start + one.duration, one.zone) for start in starts)


def is_open(windows: list[Recurrence], freezes: list[Recurrence], now: datetime) -> bool:
    return (not windows or any(is_within(one, now) for one in windows)) and not any(is_within(one, now) for one in freezes)


@settings(max_examples=40, deadline=None)
@given(several, several, moments)
def test_it_is_open_within_a_window_and_outside_every_freeze(
    windows: list[Recurrence], freezes: list[Recurrence], now: datetime
) -> None:
    assert opening_at(windows, freezes, now).is_open == is_open(windows, freezes, now)


@settings(max_examples=40, deadline=None)
@given(several, several, moments, some.data())
def test_nothing_changes_until_the_moment_that_is_told_and_then_it_does(
    windows: list[Recurrence], freezes: list[Recurrence], now: datetime, data: some.DataObject
) -> None:
    opening = opening_at(windows, freezes, now)
    if opening.changes_at is None:
        return
    assert opening.changes_at > now
    assert is_open(windows, freezes, opening.changes_at) is not opening.is_open
    between = now + (opening.changes_at - now) * data.draw(some.floats(0, 1, exclude_max=True))
    if between < opening.changes_at:
        assert is_open(windows, freezes, between) is opening.is_open


@settings(max_examples=40, deadline=None)
@given(several, several, moments)
def test_more_freezes_open_nothing_and_more_windows_close_nothing(
    windows: list[Recurrence], freezes: list[Recurrence], now: datetime
) -> None:
    opening: Opening = opening_at(windows, freezes, now)
    if freezes:
        assert opening_at(windows, freezes[1:], now).is_open or not opening.is_open
    if len(windows) > 1:
        assert opening.is_open or not opening_at(windows[1:], freezes, now).is_open


@given(
    some.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
    some.timedeltas(timedelta(0), timedelta(days=2)),
    some.sampled_from(ZONES),
)
def test_what_is_later_on_a_clock_is_never_earlier_in_time(local: datetime, after: timedelta, zone: str) -> None:
    assert moment(local, ZoneInfo(zone)) <= moment(local + after, ZoneInfo(zone))


@given(some.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=some.just(UTC)), some.sampled_from(ZONES))
def test_a_moment_is_found_again_by_what_the_clock_showed(now: datetime, zone: str) -> None:
    shown = now.replace(microsecond=0).astimezone(ZoneInfo(zone))
    found = moment(shown.replace(tzinfo=None, fold=0), ZoneInfo(zone))
    # Of a time that is shown twice, the first is found.
    assert found == now.replace(microsecond=0) or (shown.fold == 1 and found < now)


@given(recurrences())
def test_a_recurrence_is_the_same_after_it_was_stored(one: Recurrence) -> None:
    assert Recurrence.model_validate_json(one.model_dump_json()) == one


def test_a_rule_that_ends_with_the_calendar_ends() -> None:
    one = recurrence("FREQ=WEEKLY;WKST=SU;INTERVAL=2;BYDAY=SU,SA | 2026-01-05T09:00 | 8h | UTC")
    found = one.starts(datetime(2390, 1, 1), datetime(2399, 12, 31, 23))
    assert found[-1].year == 2399
