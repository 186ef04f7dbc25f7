"""Recurrences: spans of time that come again and again, such as "Monday to Thursday, 09:00 to 17:00 in Berlin".

    rrule: FREQ=WEEKLY;BYDAY=MO,TU,WE,TH
    start: 2026-01-05T09:00
    duration: 8h
    timezone: Europe/Berlin

Both ends are times on the clock of the zone: 09:00 stays 09:00 in summer and in winter, and eight hours later it is 17:00.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rrulestr
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema, model_validator

from pratique.values._base import Value
from pratique.values.duration import Duration, format_duration
from pratique.values.problems import Problems
from pratique.values.recurrence_rule import rule_parts, until_of

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=366)

_START = r"2[01][0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}"
ZONE_PATTERN = r"^(?:UTC|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+){1,2})$"

_CYCLES = 19 * 400
"""Years by which a rule is moved to be computed. After 400 years the calendar comes again, weekday for weekday.

dateutil looks for a next occurrence up to the year 9999, eight thousand years for a rule that has none; from there it looks
for less than four hundred.
"""


def _rule(text: str) -> str:
    rule_parts(text)
    return text


def parse_start(text: object) -> datetime:
    """The local time that `text` names; one with seconds, or with a zone of its own, is refused."""
    if isinstance(text, datetime):
        return text
    if isinstance(text, str) and re.fullmatch(_START, text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"'{text}' names a day or a time that there is not: write one that there is") from None
    raise ValueError("write day and time on the clock of the time zone, such as 2026-01-05T09:00")


def format_start(start: datetime) -> str:
    """As `parse_start` reads it."""
    return start.isoformat(timespec="minutes")


def _lasts(duration: timedelta) -> timedelta:
    if not SHORTEST <= duration <= LONGEST:
        raise ValueError(f"write a duration from {format_duration(SHORTEST)} to {format_duration(LONGEST)}")
    return duration


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone '{name}': write a name of the IANA database, such as Europe/Berlin") from None
    return name


RecurrenceRule = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_rule)]
LocalStart = Annotated[
    datetime,
    BeforeValidator(parse_start),
    PlainSerializer(format_start, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_START}$", "examples": ["2026-01-05T09:00"]}),
]
Lasting = Annotated[Duration, AfterValidator(_lasts)]
ZoneName = Annotated[str, StringConstraints(pattern=ZONE_PATTERN, max_length=64), AfterValidator(_known_zone)]


class Recurrence(Value):
    """A span of time that comes again and again, on the clock of one time zone."""

    rrule: RecurrenceRule
    """On which days it begins: an RFC 5545 recurrence rule, such as `FREQ=WEEKLY;BYDAY=MO,TU`."""
    start: LocalStart
    """The first day on which it may begin, and the time at which it begins on each, on the clock of the time zone."""
    duration: Lasting
    """How long each lasts on that clock; those that overlap are one."""
    timezone: ZoneName
    """A name of the IANA database, such as `Europe/Berlin`."""
    reason: str = Field(default="", max_length=200)
    """Why, for people who read that a promotion waits."""

    @model_validator(mode="after")
    def _occurs(self) -> Recurrence:
        problems = Problems()
        try:
            _moved(self.rrule, self.start, self.timezone)
            occurs = next(self._moved_starts(self.start), None) is not None
        except ValueError as error:
            problem, _, remedy = str(error).rpartition(": ")
            problems.add(("rrule",), problem, remedy)
        else:
            if not occurs:
                problems.add(("rrule",), "the rule names no day from `start` on", "write one that a calendar has")
        problems.require_none("Recurrence")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def starts(self, first: datetime, last: datetime) -> Sequence[datetime]:
        """When it begins from `first` to `last`, both included; all three on the clock of the zone, without a zone."""
        found = []
        for start in self._moved_starts(max(first, self.start)):
            if start > _later(last):
                break
            found.append(start.replace(year=start.year - _CYCLES))
        return found

    def _moved_starts(self, first: datetime) -> Iterator[datetime]:
        try:
            yield from _moved(self.rrule, self.start, self.timezone).xafter(_later(first), inc=True)
        except (ValueError, OverflowError):
            # A week that begins in the year 9999 and ends in no year at all.
            return


def _later(moment: datetime) -> datetime:
    return moment.replace(year=moment.year + _CYCLES)


@functools.lru_cache(maxsize=1024)
def _moved(text: str, start: datetime, timezone: str) -> rrule:
    parts = rule_parts(text)
    until = until_of(parts, ZoneInfo(timezone))
    days = ";".join(f"{name}={value}" for name, value in parts.items() if name != "UNTIL")
    rule = rrulestr(days, dtstart=_later(start))
    assert isinstance(rule, rrule)  # noqa: S101  # one rule makes no set
    return rule if until is None else rule.replace(until=_later(until))
