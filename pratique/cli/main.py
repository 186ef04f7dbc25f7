"""The command `pratique`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from pratique.cli.commands import COMMANDS, Commands
from pratique.cli.exit_codes import code_of
from pratique.cli.output import complain
from pratique.errors import Refused, Transient, Waiting

app = typer.Typer(
    name="pratique",
    cls=Commands.of(COMMANDS),
    help="Continuous delivery in which nothing moves without signed evidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it so
    if wanted:
        from pratique import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    *, version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False
) -> None:
    """Exit codes: 0 done, 1 a bug, 2 usage, 3 refused, 4 waiting, 5 a transient failure that lasted, 130 interrupted."""


def run() -> None:
    """Run the command line; one of our words ends it with its reasons and its code, a bug with its traceback."""
    # Looking for plug-ins of pydantic, of which a command has no use, reads what every installed package says of itself.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    try:
        app()
    except (Refused, Transient, Waiting) as word:
        complain(word)
        sys.exit(code_of(word))
