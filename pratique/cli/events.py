"""`pratique webhook | events`: the intake of events, and what became of them."""

from __future__ import annotations

from typing import Annotated

import typer

from pratique.cli.opening import clients
from pratique.cli.options import Json, Limit, OnlyService
from pratique.cli.output import console, show_json, show_table
from pratique.cli.patience import patiently
from pratique.values.event import EventState, InboxEvent


def webhook(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8008,
    *,
    no_dispatch: Annotated[bool, typer.Option("--no-dispatch", help="Only receive and store.")] = False,
    dispatch_only: Annotated[bool, typer.Option("--dispatch-only", help="Only dispatch what others receive.")] = False,
) -> None:
    """Receive events of forges and registries, and start what they ask for."""
    # It takes a second, which no other command should cost.
    from pratique.webhook import serve

    if dispatch_only:
        serve.dispatch_only(clients())
    else:
        serve.serve(clients(), host, port, dispatch=not no_dispatch)


def events(
    service: OnlyService = None,
    state: Annotated[EventState | None, typer.Option(help="Only events in this state.")] = None,
    limit: Limit = 20,
    again: Annotated[int | None, typer.Option(help="Let the refused event of this number wait once more.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """List events, newest first: what came, what it started, or why nothing was."""
    if again is not None:
        with clients().inbox() as inbox:
            waiting = inbox.again(again)
        if as_json:
            show_json(_row(waiting))
        else:
            console.print(f"event {again} waits once more", markup=False)
        return
    rows = patiently(lambda: _rows(service, state, limit))
    if as_json:
        show_json(rows)
    else:
        show_table(rows, empty="no event was accepted yet")


def _rows(service: str | None, state: EventState | None, limit: int) -> list[dict[str, object]]:
    with clients().inbox() as inbox:
        return [_row(held) for held in inbox.events(service, state, limit)]


def _row(held: InboxEvent) -> dict[str, object]:
    event = held.event
    return {
        "number": held.number,
        "received": event.received_at,
        "forge": event.forge.value,
        "kind": event.kind.value,
        "service": event.service,
        "ref": event.ref,
        "commit": event.commit[:19] if event.commit and event.commit.startswith("sha256:") else (event.commit or "")[:12],
        "does": event.action.value,
        "state": held.state.value,
        "attempts": held.attempts,
        "reason": held.reason,
        "run": held.run_url,
        "told": held.reported.state,
        "not told": held.reported.problem,
        "delivery": event.delivery,
    }
