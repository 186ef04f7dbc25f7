"""`pratique advance | reverify | queue`: what the clock starts, and what waits for what."""

from __future__ import annotations

from typing import Annotated

import typer

from pratique.cli.deliveries import start_run, tell_run
from pratique.cli.exit_codes import STATE_CODES, ExitCode
from pratique.cli.opening import clients
from pratique.cli.options import Json, OnlyIn, OnlyService
from pratique.cli.output import console, show_json, show_table
from pratique.cli.patience import patiently
from pratique.cli.views import queue_rows, step_rows


def advance(
    service: OnlyService = None,
    environment: OnlyIn = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Promote whatever may go on by the clock; say of everything else why it waits."""
    from pratique.cli.follow import followed

    if not dry_run:
        console.hush(as_json)
        parameters = {"service": service, "environment": environment, "dry_run": False}
        with clients().prefect() as prefect:
            run, page = start_run(prefect, "advance/pratique", parameters)
            run = followed(prefect, run, page)
            if run.state_name != "Completed":
                tell_run(run, page, as_json=as_json)
            started = patiently(lambda: prefect.runs_tagged(f"clock:{run.id}"))
            ended = [followed(prefect, one, prefect.page(one)) for one in started]
        codes = [STATE_CODES.get(one.state_name or "", ExitCode.BUG) for one in ended]
    else:
        codes = []
    rows = patiently(lambda: step_rows(service, environment))
    if as_json:
        show_json(rows)
    else:
        show_table(rows, empty="nothing has been promoted anywhere yet")
    if failed := [code for code in codes if code is not ExitCode.DONE]:
        raise typer.Exit(min(failed))


def reverify(
    service: OnlyService = None,
    environment: OnlyIn = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is found, and revoke nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Verify again what every environment holds, by today's policies and keys; revoke what would not be let in today."""
    from pratique.cli.follow import followed

    console.hush(as_json)
    parameters = {"service": service, "environment": environment, "dry_run": dry_run}
    with clients().prefect() as prefect:
        run, page = start_run(prefect, "reverify/pratique", parameters)
        run = followed(prefect, run, page)
    tell_run(run, page, as_json=as_json)


def queue(service: OnlyService = None, environment: OnlyIn = None, *, as_json: Json = False) -> None:
    """Say what holds each environment, what waits for it, and what waits for its time."""
    rows = patiently(lambda: queue_rows(service, environment))
    if as_json:
        show_json(rows)
    else:
        show_table(rows, empty="nothing is on its way, and nothing waits")
