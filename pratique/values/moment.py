"""Moments as people write them: `2026-11-25T10:00`, in UTC unless they say otherwise."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_moment(text: str) -> datetime:
    """The moment, in UTC; ValueError with what to write where it is none. ISO 8601, as Python reads it."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("write 2026-11-25T10:00 for UTC, or with a zone 2026-11-25T10:00+01:00") from None
