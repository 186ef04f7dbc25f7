"""How commands speak: tables and lines for people, JSON for programs; reasons on the error stream."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

from pratique.errors import Refused, Waiting
from pratique.scrub import scrub, scrubbed

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDE = 240
"""Columns where nobody looks at a terminal: a table in a file or a pipe is cut by its reader, not by us."""

Row = Mapping[str, object]


class Voice:
    """A stream that people read; rich, which writes it, is imported with the first word."""

    def __init__(self, *, complains: bool = False) -> None:
        self._complains = complains

    @cached_property
    def rich(self) -> Console:
        """The console behind it."""
        from rich.console import Console

        if self._complains:
            return Console(stderr=True, highlight=False, soft_wrap=True)
        return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)

    def print(self, *parts: RenderableType, markup: bool = True) -> None:
        """Write a line, or something that rich can draw."""
        self.rich.print(*(scrub(part) if isinstance(part, str) else part for part in parts), markup=markup)

    def hush(self, quiet: bool) -> None:  # noqa: FBT001  # as the option that asks for it says
        """Write nothing more, or write again."""
        self.rich.quiet = quiet


console = Voice()
complaints = Voice(complains=True)


def show_json(content: object) -> None:
    """Print JSON, and nothing else, on standard output."""
    import json

    # As plain values first: inside JSON's text a replacement could hit what is no text.
    plain = json.loads(json.dumps(content, default=_plain))
    typer.echo(json.dumps(scrubbed(plain), indent=2, ensure_ascii=False))


def show_table(rows: Sequence[Row], *, empty: str) -> None:
    """A table with a column for each key of the first row; the sentence `empty` where there is none."""
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        console.print(escape(empty))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(escape(_short(value)) for value in row.values()))
    console.print(table)


def complain(failure: Exception) -> None:
    """One line for each reason."""
    from rich.markup import escape

    reasons = failure.reasons if isinstance(failure, Refused | Waiting) else (str(failure),)
    for reason in reasons:
        complaints.print(f"[red]{type(failure).__name__.lower()}[/red]: {escape(reason)}")


def _short(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case str() if value.startswith("sha256:"):
            return value[:19]
        case _:
            return scrub(str(value))


def _plain(value: Any) -> object:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return value.isoformat() if isinstance(value, datetime) else str(value)
