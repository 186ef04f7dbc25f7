"""Runs of sub-flows: they have no process of their own, and nobody records that it is gone."""

from __future__ import annotations

from pratique.clients.prefect import Prefect, Run


def end_parts(prefect: Prefect) -> list[tuple[Run, str]]:
    """Those of runs that have ended, now on record as crashed, each with why."""
    ended = []
    for run in prefect.unfinished():
        parent = prefect.parent(run)
        if parent is not None and parent.is_final:
            why = f"the run that it was part of has ended: {parent.name}"
            if prefect.crash(run, why):
                ended.append((run, why))
    return ended
