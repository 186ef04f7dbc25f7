"""Whether an environment is open: its windows open it, its freezes close it, on the clocks of their time zones.

    opening_at(environment.windows, environment.freezes, now).words
    # "closed: it opens on Mon 12 Jan 2026 at 09:00 CET (Europe/Berlin)"

An environment without windows is open, but for its freezes; a freeze always wins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pratique.values._base import Value
from pratique.values.recurrence import Recurrence

HORIZONS = (timedelta(days=8), timedelta(days=93), timedelta(days=400), timedelta(days=3000))
"""How far ahead is looked, until something changes. The last reaches over the eight years that may lie between leap days."""

_DAY = timedelta(days=1)
"""What a clock may at most be moved by: a zone may change its side of the date line."""

Span = tuple[datetime, datetime]
"""From the first moment to the second, which is not part of it; in UTC."""


class Opening(Value):
    """Whether an environment is open, and until when that is so."""

    is_open: bool
    changes_at: datetime | None
    """When it closes or opens next; None where it does neither within the last of the `HORIZONS`."""
    words: str
    """The same for people, in the time zone of the environment; the environment's name stands before it."""


def opening_at(windows: Sequence[Recurrence], freezes: Sequence[Recurrence], now: datetime) -> Opening:
    """Whether an environment with these windows and freezes is open at the moment `now`."""
    if not windows and not freezes:
        return Opening(is_open=True, changes_at=None, words="open at any time")
    for horizon in HORIZONS:
        spans = _open_spans(windows, freezes, (now, now + horizon))
        if spans and spans[0][0] == now:
            closes = spans[0][1]
            if closes < now + horizon:
                return Opening(is_open=True, changes_at=closes, words=f"open until {_told(closes, (*windows, *freezes))}")
            is_open = True
        elif spans:
            opens = spans[0][0]
            words = f"{_why(freezes, now)}: it opens on {_told(opens, (*windows, *freezes))}"
            return Opening(is_open=False, changes_at=opens, words=words)
        else:
            is_open = False
    years = HORIZONS[-1].days // 365
    if is_open:
        return Opening(is_open=True, changes_at=None, words=f"open, for the next {years} years at least")
    words = f"{_why(freezes, now)}, and does not open in the next {years} years: change its windows or freezes"
    return Opening(is_open=False, changes_at=None, words=words)


def moment(local: datetime, zone: ZoneInfo) -> datetime:
    """When the clock of `zone` first shows the time `local` or a later one, in UTC.

    Where the clock is moved forward over it, that is the moment of the move; where it is shown twice, the first time.
    """
    before, after = (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0) for fold in (0, 1))
    if before >= after:
        return local.replace(tzinfo=UTC) - before
    # Skipped: the clock is moved somewhere between the two readings of that time.
    early, late = local.replace(tzinfo=UTC) - after, local.replace(tzinfo=UTC) - before
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        early, late = (early, middle) if _shown(middle, zone) >= local else (middle, late)
    return late


def _open_spans(windows: Sequence[Recurrence], freezes: Sequence[Recurrence], within: Span) -> list[Span]:
    opened = _merged(span for window in windows for span in _spans(window, within)) if windows else [within]
    return _without(opened, _merged(span for freeze in freezes for span in _spans(freeze, within)))


def _spans(recurrence: Recurrence, within: Span) -> list[Span]:
    """What of the recurrence is within a span, cut to it."""
    zone, (since, until) = recurrence.zone, within
    starts = recurrence.starts(_shown(since, zone) - recurrence.duration - _DAY, _shown(until, zone) + _DAY)
    whole = ((moment(start, zone), moment(start + recurrence.duration, zone)) for start in starts)
    cut = ((max(begins, since), min(ends, until)) for begins, ends in whole)
    return [(begins, ends) for begins, ends in cut if begins < ends]


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as it takes, in order."""
    merged: list[Span] = []
    for begins, ends in sorted(spans):
        if merged and begins <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], ends))
        else:
            merged.append((begins, ends))
    return merged


def _without(spans: list[Span], taken: list[Span]) -> list[Span]:
    """What of the spans is left; both are merged."""
    left: list[Span] = []
    ahead = deque(taken)
    for begins, ends in spans:
        start = begins
        while start < ends:
            while ahead and ahead[0][1] <= start:
                ahead.popleft()
            stop = min(ends, ahead[0][0]) if ahead else ends
            if start < stop:
                left.append((start, stop))
            start = ahead[0][1] if stop < ends else ends
    return left


def _why(freezes: Sequence[Recurrence], now: datetime) -> str:
    freezing = [freeze for freeze in freezes if _spans(freeze, (now, now + timedelta(seconds=1)))]
    if not freezing:
        return "closed"
    reasons = ", ".join(dict.fromkeys(freeze.reason for freeze in freezing if freeze.reason))
    return f"frozen ({reasons})" if reasons else "frozen"


def _told(when: datetime, recurrences: Sequence[Recurrence]) -> str:
    """A moment as a person of that place reads it: the zone is that of the first window, or of the first freeze."""
    zone = recurrences[0].zone
    local = when.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y} at {local:%H:%M %Z} ({zone.key})"


def _shown(when: datetime, zone: ZoneInfo) -> datetime:
    return when.astimezone(zone).replace(tzinfo=None, fold=0)
