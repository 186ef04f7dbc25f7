"""`pratique plan | releases | environments | history`: look, and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from pratique.cli.opening import clients
from pratique.cli.output import console, show_json, show_table
from pratique.cli.patience import patiently
from pratique.cli.views import chosen_release, held_rows, history_rows, release_rows

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Service = Annotated[str | None, typer.Argument(help="Only this service.")]
Release = Annotated[
    str | None, typer.Option(help="The release, by the beginning of its digest or commit; without it, the newest one.")
]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many rows at the most.")]


def plan(
    service: Annotated[str, typer.Argument(help="The service.")],
    to: Annotated[str, typer.Option("--to", "--in", help="The environment.")],
    release: Release = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what promoting a release would change, and whether the gates would let it in. Nothing is touched."""
    from pratique.pipeline.planning import foresee
    from pratique.values.environment import environment_of

    stored = patiently(lambda: chosen_release(service, release))
    environment = environment_of(stored.release.manifest, to)
    found, judged = patiently(lambda: foresee(clients(), stored, environment))
    decision = judged.decision
    if as_json:
        show_json(
            {
                "service": service,
                "environment": to,
                "release": stored.digest,
                "plan": found.digest,
                "changes": [change.model_dump(mode="json") for change in found.changes],
                "reason": found.reason,
                "allowed": decision.allowed,
                "refusals": decision.reasons,
                "waits": [wait.reason for wait in decision.waits],
                "until": decision.until,
            }
        )
    else:
        console.print(f"{stored.label} → {to}", markup=False)
        rows = [
            {"change": change.action, "what": f"{change.kind} {change.name}", "how": change.detail} for change in found.changes
        ]
        show_table(rows, empty=f"nothing to do, because {found.reason}")
    decision.require()


def releases(service: Service = None, limit: Limit = 20, *, as_json: Json = False) -> None:
    """List releases, newest first."""
    _show(lambda: release_rows(service, limit), "no release yet: `pratique deliver` makes one", as_json=as_json)


def environments(service: Service = None, *, as_json: Json = False) -> None:
    """Say what is where."""
    _show(lambda: held_rows(service), "no environment holds anything yet", as_json=as_json)


def history(
    service: Service = None,
    environment: Annotated[str | None, typer.Option("--in", "--to", help="Only this environment.")] = None,
    limit: Limit = 20,
    *,
    as_json: Json = False,
) -> None:
    """List promotions and rollbacks, newest first."""
    _show(lambda: history_rows(service, environment, limit), "nothing was promoted yet", as_json=as_json)


def _show(rows: Callable[[], list[dict[str, object]]], empty: str, *, as_json: bool) -> None:
    found = patiently(rows)
    if as_json:
        show_json(found)
    else:
        show_table(found, empty=empty)
