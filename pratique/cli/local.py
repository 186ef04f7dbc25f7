"""`pratique up | down | status | quickstart`: the local stack."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pratique.cli.deliveries import deliver
from pratique.cli.exit_codes import ExitCode
from pratique.cli.options import Json
from pratique.cli.output import console, show_json, show_table

if TYPE_CHECKING:
    from pratique.local.stack import LocalStack

CHECKOUT = Path(__file__).parents[2]
"""The folder that holds `flows/` and `deployments/`: the local stack works from a checkout."""


def up() -> None:
    """Start the local stack: OpenBao, a registry, an AWS endpoint, a Prefect server and a worker. Twice is harmless."""
    stack = _stack()
    stack.up(_say)
    console.print(f"up; Prefect's UI is at {stack.ui_url}, settings in {stack.config}", markup=False)
    console.print(f"the UI asks for a password: {stack.ui_password}", markup=False)


def down() -> None:
    """Stop the local stack; its data stays in its folder."""
    _stack().down(_say)


def status(*, as_json: Json = False) -> None:
    """Say what of the local stack runs, and where."""
    found = _stack().status()
    if as_json:
        show_json(found)
    else:
        rows = [{"name": one.name, "runs": one.running, "process": one.process_id, "address": one.address} for one in found]
        show_table(rows, empty="nothing")
    if not all(service.running for service in found):
        raise typer.Exit(ExitCode.WAITING)


def quickstart() -> None:
    """Start the local stack and deliver `examples/hello` to dev, staging and prod."""
    from pratique.local.example import commit_example

    up()
    repository = commit_example(CHECKOUT / "examples" / "hello", _stack().folder / "hello")
    deliver(str(repository), "main", None, no_wait=False, as_json=False)
    # Without the environment activated, `make quickstart` leaves nobody with a command `pratique`.
    program = "pratique" if shutil.which("pratique") else sys.argv[0]
    console.print(f"Prefect's UI: {_stack().ui_url}    history: {program} history hello    end: {program} down", markup=False)


def _stack() -> LocalStack:
    from pratique.local.stack import LocalStack
    from pratique.settings import settings_file

    return LocalStack(settings_file().parent, CHECKOUT)


def _say(line: str) -> None:
    console.print(line, markup=False)
