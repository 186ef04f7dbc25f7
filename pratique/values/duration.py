"""Durations as people write them: `500ms`, `30s`, `5m`, `2h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

_PATTERN = re.compile(r"(?P<amount>[0-9]{1,6}(?:\.[0-9]{1,3})?)(?P<unit>ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_SPAN = timedelta(days=7)


def parse_duration(text: object) -> timedelta:
    """The duration that `text` names; a bare number is refused, because its unit would be a guess."""
    if isinstance(text, timedelta):
        return text
    match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("write a number and a unit, such as 500ms, 30s, 5m, 2h or 7d")
    return timedelta(seconds=float(match["amount"]) * _SECONDS[match["unit"]])


def _takes_time(duration: timedelta) -> timedelta:
    if not timedelta(0) < duration <= LONGEST_SPAN:
        raise ValueError(f"write a duration longer than 0 and at most {format_duration(LONGEST_SPAN)}")
    return duration


def format_duration(duration: timedelta) -> str:
    """The shortest exact spelling that `parse_duration` reads back."""
    milliseconds = round(duration.total_seconds() * 1000)
    for unit in ("d", "h", "m", "s"):
        if milliseconds and milliseconds % round(_SECONDS[unit] * 1000) == 0:
            return f"{milliseconds // round(_SECONDS[unit] * 1000)}{unit}"
    return f"{milliseconds}ms"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,3})?(ms|s|m|h|d)$", "examples": ["30s", "5m"]}),
]

Span = Annotated[Duration, AfterValidator(_takes_time)]
"""A duration that something may take: an interval or a deadline, where 0 or a year would be a slip."""
