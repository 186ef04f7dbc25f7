"""Flow runs whose process is gone, which Prefect would show as running for ever, and count against the work pool.

A worker records the death of the processes it has started. What it cannot record: its own death together with theirs,
and the runs of sub-flows, which have no process of their own.
"""

from __future__ import annotations

from pathlib import Path

from pratique.clients.prefect import Prefect, Run
from pratique.pipeline.parts import end_parts
from pratique.warm.forks import runs_with_a_process


def end_orphans(prefect: Prefect, pool: str, notes: Path, *, watched: bool) -> list[Run]:
    """The runs that were found without a process and are now on record as crashed.

    `notes` are the worker's, of the runs that have a process. `watched` says that a worker of the pool is at work: its runs
    are then its own to judge, for one that it is just about to start has no process either.
    """
    crashed = []
    if not watched:
        alive = runs_with_a_process(notes)
        lost = [run for run in prefect.unfinished() if run.work_pool_name == pool and run.id not in alive]
        crashed += [run for run in lost if prefect.crash(run, "its process was gone when the local stack came up")]
        for note in notes.glob("*"):
            if note.name not in alive:
                note.unlink()
    return [*crashed, *(run for run, _ in end_parts(prefect))]
