"""Options that several commands have, each checked before anything is asked or signed."""

from __future__ import annotations

import typer

SHORTEST, LONGEST = 3, 1000
"""Characters of a reason, as the forms of the flows ask for them (`tasks/parameters.py`)."""


def given_reason(reason: str) -> str:
    """The reason; a usage error where it is none, or too long to keep."""
    words = reason.strip()
    if not SHORTEST <= len(words) <= LONGEST:
        raise typer.BadParameter(
            f"it has {len(words)} characters: say in {SHORTEST} to {LONGEST} why, because it stays on record"
        )
    return words
