"""`pratique ledger`: the database of promotions, locks and history, rebuilt where it was lost."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from pratique.cli.opening import clients
from pratique.cli.output import complaints, console, show_json, show_table
from pratique.cli.patience import patiently


def rebuild(
    services: Annotated[
        list[str] | None, typer.Argument(help="Which services; without them, those of the settings, or of the registry.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Fill an empty ledger from the registry's signed evidence; one that holds anything is left alone."""
    from pratique.pipeline.rebuilding import rebuild_ledger

    def log(line: str) -> None:
        complaints.print(line, markup=False)

    rebuilt = patiently(lambda: rebuild_ledger(clients(), services or (), log))
    releases = Counter(stored.release.service for stored in rebuilt.releases)
    promotions = Counter(promotion.service for promotion in rebuilt.promotions)
    rulings = Counter(signed.ruling.service for signed in rebuilt.rulings)
    rows = [
        {"service": name, "releases": releases[name], "grants": promotions[name], "rulings": rulings[name]}
        for name in sorted(releases)
    ]
    fences = [fence.model_dump() for fence in rebuilt.fences]
    if as_json:
        show_json({"services": rows, "fences": fences, "left_out": rebuilt.left_out})
        return
    show_table(rows, empty="")
    for reason in rebuilt.left_out:
        complaints.print(f"left out: {reason}", markup=False)
    console.print("\neach fence is the highest that was signed; where a target has seen a higher one: docs/runbook.md")
