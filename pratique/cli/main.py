"""The command `pratique`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pratique import __version__
from pratique.cli import (
    auditing,
    clock,
    deliveries,
    events,
    ledger,
    local,
    manifests,
    policies,
    proofs,
    readings,
    rulings,
    shared,
)
from pratique.cli.exit_codes import code_of
from pratique.cli.output import complain
from pratique.errors import Refused, Transient, Waiting

app = typer.Typer(
    name="pratique",
    help="Continuous delivery in which nothing moves without signed evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer calls it so
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    *, version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False
) -> None:
    """Exit codes: 0 done, 1 a bug, 2 usage, 3 refused, 4 waiting, 5 a transient failure that lasted."""


for command in (
    local.up,
    local.down,
    local.status,
    local.quickstart,
    manifests.validate,
    manifests.schema,
    deliveries.deliver,
    deliveries.promote,
    deliveries.rollback,
    clock.advance,
    clock.reverify,
    clock.queue,
    rulings.approve,
    rulings.reject,
    rulings.revoke,
    rulings.lift,
    rulings.rulings,
    rulings.keygen,
    readings.plan,
    proofs.verify,
    readings.releases,
    readings.environments,
    readings.history,
    auditing.audit,
    events.webhook,
    events.events,
    shared.install,
    shared.worker,
    shared.watch,
):
    app.command()(command)
# `except` is a word of Python's own, and can name no function.
app.command("except")(rulings.except_)
app.add_typer(policies.app, name="policy")
app.add_typer(ledger.app, name="ledger")
app.add_typer(proofs.app, name="evidence")


def run() -> None:
    """Run the command line; one of our words ends it with its reasons and its code, a bug with its traceback."""
    try:
        app()
    except (Refused, Transient, Waiting) as word:
        complain(word)
        sys.exit(code_of(word))
