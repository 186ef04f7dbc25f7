"""`pratique install | worker | watch`: what runs where several machines share one Prefect server."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Annotated

import typer

from pratique.cli.opening import clients
from pratique.cli.output import complain, console
from pratique.errors import Transient

CHECKOUT = Path(__file__).parents[2]
"""The folder that holds `flows/` and `deployments/`."""


def install(
    table: Annotated[Path, typer.Argument(help="The deployments, below the checkout.")] = Path("deployments/prefect.yaml"),
    limit: Annotated[int | None, typer.Option(min=1, help="Runs at once, of each pool; about three a core.")] = None,
) -> None:
    """Write work pools, deployments and automations to the Prefect server. Twice is harmless."""
    from pratique import deploying

    deploying.install(clients(), CHECKOUT, CHECKOUT / table, limit, _say)


def worker(
    pool: Annotated[str, typer.Option(help="The work pool whose runs it takes.")],
    name: Annotated[str | None, typer.Option(help="Its name in Prefect; without it, pool and host.")] = None,
    folder: Annotated[Path, typer.Option(help="For its notes of runs; a folder of its own.")] = Path(".pratique/worker"),
    flows: Annotated[str, typer.Option(help="The flows that it runs, comma-separated; without it, all.")] = "",
) -> None:
    """Work for a pool until told to end."""
    from pratique.warm.worker import program, work

    name, folder = name or f"{pool}-{socket.gethostname()}", folder.resolve()
    work(clients(), program(pool, name, folder, flows=[one for one in flows.split(",") if one]), name, folder=folder, log=_say)


def watch(*, once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False) -> None:
    """Record flow runs whose process is gone as crashed, and begin anew what was killed."""
    from pratique.pipeline.watch import Watch

    found = clients()
    watch = Watch(found, _say)
    while True:
        try:
            watch.look()
        except Transient as fault:
            if once:
                raise
            complain(fault)
        if once:
            return
        time.sleep(found.settings.watch.every.total_seconds())


def _say(line: str) -> None:
    console.print(line, markup=False)
