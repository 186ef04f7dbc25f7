"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

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


Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many rows at the most.")]

Service = Annotated[str, typer.Argument(help="The service.")]
OnlyService = Annotated[str | None, typer.Argument(help="Only this service.")]

# A promotion goes to an environment, a hold is in one: whichever word comes to mind is taken.
To = Annotated[str, typer.Option("--to", "--in", help="The environment.")]
In = Annotated[str, typer.Option("--in", "--to", help="The environment.")]
OnlyIn = Annotated[str | None, typer.Option("--in", "--to", help="Only this environment.")]

_BEGINNING = "by the beginning of its digest or commit"
ThisRelease = Annotated[str, typer.Option("--release", help=f"The release, {_BEGINNING}.")]
Release = Annotated[str | None, typer.Option(help=f"The release, {_BEGINNING}; without it, the newest one.")]
EarlierRelease = Annotated[
    str | None,
    typer.Option("--release", help=f"One granted there before, {_BEGINNING}; without it, the one before the present."),
]
