"""How commands speak: tables and lines for people, JSON for programs; reasons on the error stream."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pratique.errors import Refused, Waiting

WIDE = 240
"""Columns where nobody looks at a terminal: a table in a file or a pipe is cut by its reader, not by us."""

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
complaints = Console(stderr=True, highlight=False, soft_wrap=True)

Row = Mapping[str, object]


def show_json(content: object) -> None:
    """Print JSON, and nothing else, on standard output."""
    typer.echo(json.dumps(content, default=_plain, indent=2, ensure_ascii=False))


def show_table(rows: Sequence[Row], *, empty: str) -> None:
    """A table with a column for each key of the first row; the sentence `empty` where there is none."""
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
            return str(value)


def _plain(value: object) -> object:
    match value:
        case BaseModel():
            return value.model_dump(mode="json")
        case datetime():
            return value.isoformat()
        case _:
            return str(value)
