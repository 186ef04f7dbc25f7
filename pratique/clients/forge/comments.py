"""One comment of ours among those of a pull request, told by a marker that a browser does not show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Comment(NamedTuple):
    """A comment as the forge has it."""

    id: int
    author: str
    """The name of the account."""
    body: str


class Found(NamedTuple):
    """What is to be done so that the comment is there."""

    body: str
    """Marker included."""
    change: int | None = None
    """The id of the comment that is to be changed."""
    is_missing: bool = False


def keep_one(comments: Iterable[Comment], marker: str, body: str, account: Callable[[], str]) -> Found:
    """What to do so that one comment of that account carries marker and body.

    Whoever may comment could write our marker, and change a comment of theirs after we have written into it.
    """
    hidden = f"<!-- pratique: {marker} -->"
    wanted = f"{hidden}\n{body}"
    for comment in comments:
        if comment.body.startswith(hidden) and comment.author.casefold() == account().casefold():
            same = comment.body.replace("\r\n", "\n").strip() == wanted.strip()
            return Found(wanted, change=None if same else comment.id)
    return Found(wanted, is_missing=True)
