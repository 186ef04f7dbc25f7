"""How the flows come to a Prefect server: work pools, the deployments of a table, automations. Again is harmless."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from pratique.bootstrap import Clients
from pratique.clients.exchange import exchange
from pratique.clients.ports import Log
from pratique.clients.prefect import Prefect, prefect_environment
from pratique.errors import Invalid, Refused
from pratique.scrub import scrub
from pratique.warm import JOB_TEMPLATE, POOL_TYPE

AUTOMATIONS = Path("deployments/automations.yaml")
_DEPLOYED_WITHIN = timedelta(minutes=5)


def install(clients: Clients, checkout: Path, table: Path, limit: int | None, log: Log) -> None:
    """Write what the table names; a pool of containers that exists keeps its type and all of its settings."""
    pools = pools_of(table)
    with clients.prefect() as prefect:
        present = prefect.pools()
        for pool in pools:
            kind = present.get(pool, POOL_TYPE)
            # One of processes is what earlier versions wrote: whoever may start its runs may run anything there.
            if kind in {POOL_TYPE, "process"}:
                prefect.write_pool(pool, POOL_TYPE, JOB_TEMPLATE, limit)
            log(f"work pool {pool}: {kind}" + ("" if kind == POOL_TYPE else ", left as it is"))
    deploy(checkout, table, prefect_environment(clients.settings.prefect))
    with clients.prefect() as prefect:
        bound_queues(prefect, table, limit)
    log(f"deployed the flows of {table}")
    with clients.prefect() as prefect:
        for automation in automations(checkout / AUTOMATIONS):
            prefect.write_automation(automation)
            log(f"automation {automation['name']}")


def deploy(checkout: Path, table: Path, environment: Mapping[str, str]) -> None:
    """Let Prefect deploy every flow of the table to the server that the variables name."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(table)]
    variables = {**os.environ, **environment}
    done = exchange(
        command, b"", name=f"prefect deploy {table}", within=_DEPLOYED_WITHIN, environment=variables, folder=checkout
    )
    if done.status != 0:
        said = (scrub(stream.decode(errors="replace"))[-1500:] for stream in (done.written, done.complaint))
        raise Refused(f"deploying {table} failed: {' '.join(said)}")


def bound_queues(prefect: Prefect, table: Path, limit: int | None) -> None:
    """Give each queue that the table names half of its pool's places: what waits there waits for runs of the same pool."""
    for deployment in _read(table)["deployments"]:
        queue = deployment["work_pool"].get("work_queue_name")
        if queue is not None:
            half = None if limit is None else max(1, limit // 2)
            prefect.bound_queue(deployment["work_pool"]["name"], queue, half)


def pools_of(table: Path) -> list[str]:
    """The work pools that the deployments of a table name, sorted."""
    content = _read(table)
    try:
        return sorted({str(deployment["work_pool"]["name"]) for deployment in content["deployments"]})
    except (KeyError, TypeError):
        raise Invalid(str(table), "a deployment without a work pool", "give each `work_pool: {name: …}`") from None


def automations(file: Path) -> list[dict[str, Any]]:
    """The automations of a file, as Prefect's API takes them."""
    found: list[dict[str, Any]] = _read(file)["automations"]
    return found


def _read(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise Invalid(
            str(file), f"cannot be read ({type(error).__name__})", "name a file like deployments/prefect.yaml"
        ) from None
