"""Recurrence rules of RFC 5545 (section 3.3.10), as far as they speak of days: each part checked, and told what it may be.

The time of day is not the rule's to say: it is that of the recurrence's `start`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")

_DAY = "(?:MO|TU|WE|TH|FR|SA|SU)"


def _list_of(item: str) -> str:
    return f"{item}(?:,{item})*"


def _upto(most: int, sign: str = "-?") -> str:
    """A number from 1 to `most`."""
    return sign + "(?:" + "|".join(str(number) for number in range(most, 0, -1)) + ")"


class _Part(NamedTuple):
    """One part of a rule: what it looks like, in a pattern and in words, and with which frequencies RFC 5545 has it."""

    pattern: str
    spelled: str
    with_frequencies: tuple[str, ...] = FREQUENCIES


_PARTS = {
    "FREQ": _Part("|".join(FREQUENCIES), "one of DAILY, WEEKLY, MONTHLY, YEARLY"),
    "INTERVAL": _Part("[1-9][0-9]{0,2}", "a whole number from 1 to 999"),
    "COUNT": _Part("[1-9][0-9]{0,3}", "a whole number from 1 to 9999"),
    "UNTIL": _Part(
        r"2[01][0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z?",
        "a moment from 2000 to 2199, such as 20261224T180000 on the clock of the time zone, or with a Z behind it for UTC",
    ),
    "WKST": _Part(_DAY, "a day of the week, such as MO"),
    "BYDAY": _Part(_list_of(f"(?:{_upto(53, '[+-]?')})?{_DAY}"), "days of the week, such as MO,TU or -1FR for the last Friday"),
    "BYMONTH": _Part(_list_of(_upto(12, "")), "months, 1 to 12"),
    "BYMONTHDAY": _Part(_list_of(_upto(31)), "days of the month, 1 to 31, or -1 for the last", ("DAILY", "MONTHLY", "YEARLY")),
    "BYYEARDAY": _Part(_list_of(_upto(366)), "days of the year, 1 to 366, or -1 for the last", ("YEARLY",)),
    "BYWEEKNO": _Part(_list_of(_upto(53)), "weeks of the year, 1 to 53, or -1 for the last", ("YEARLY",)),
    "BYSETPOS": _Part(_list_of(_upto(366)), "which of each set, 1 to 366, or -1 for the last"),
}

_TIME_OF_DAY = {"BYHOUR", "BYMINUTE", "BYSECOND"}


def rule_parts(text: str) -> dict[str, str]:
    """The parts of a rule by their names; `ValueError` with what is wrong and what to write instead."""
    parts: dict[str, str] = {}
    for item in text.upper().split(";"):
        name, equals, value = item.partition("=")
        if not equals:
            raise ValueError(f"'{item}' is no part of a rule: write parts such as FREQ=WEEKLY;BYDAY=MO,TU")
        if name in parts:
            raise ValueError(f"{name} stands twice: write it once")
        parts[name] = value
    for name, value in parts.items():
        if name in _TIME_OF_DAY:
            raise ValueError(f"{name} is not read here: the time of day is that of `start`, so write one window for each time")
        if name not in _PARTS:
            raise ValueError(f"there is no part {name}: known here are {', '.join(_PARTS)}")
        if not re.fullmatch(_PARTS[name].pattern, value):
            raise ValueError(f"{name}={value} is not read: write {_PARTS[name].spelled}")
    _require_sense(parts)
    return parts


def _require_sense(parts: dict[str, str]) -> None:
    frequency = parts.get("FREQ")
    if frequency is None:
        raise ValueError("FREQ is missing: write FREQ=DAILY, WEEKLY, MONTHLY or YEARLY")
    for name in parts:
        if frequency not in _PARTS[name].with_frequencies:
            raise ValueError(
                f"{name} does not go with FREQ={frequency}: RFC 5545 has it with {', '.join(_PARTS[name].with_frequencies)}"
            )
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("COUNT and UNTIL exclude each other: keep one")
    if frequency in ("DAILY", "WEEKLY") and re.search("[0-9]", parts.get("BYDAY", "")):
        raise ValueError(f"a numbered day does not go with FREQ={frequency}: write days without numbers, or FREQ=MONTHLY")
    if "BYSETPOS" in parts and not any(name.startswith("BY") and name != "BYSETPOS" for name in parts):
        raise ValueError("BYSETPOS has no set to choose from: add BYDAY or another part that starts with BY")


def until_of(parts: dict[str, str], zone: ZoneInfo) -> datetime | None:
    """The last moment of a rule, on the clock of `zone`; `ValueError` where the calendar has no such day."""
    text = parts.get("UNTIL")
    if text is None:
        return None
    try:
        moment = datetime.strptime(text.removesuffix("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007  # the clock is the zone's, or UTC
    except ValueError:
        raise ValueError(f"UNTIL={text} names a day that no calendar has: write one that there is") from None
    return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if text.endswith("Z") else moment
