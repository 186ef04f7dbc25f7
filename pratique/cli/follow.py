"""Following a flow run on a terminal: what runs now with a spinner, what is done with its time; plain lines otherwise."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pratique.cli.output import console
from pratique.clients.prefect import Prefect, Run
from pratique.errors import Transient

POLL = 0.5
"""Seconds between two looks: each costs the server four queries."""

PATIENCE = 60.0
"""Seconds for which a server that does not answer is asked again; the run itself goes on without us."""


class Follower:
    """Follows one run, its sub-flow runs and the promotions it started."""

    def __init__(self, prefect: Prefect, run: Run) -> None:
        self._prefect = prefect
        self._run = run
        self._told: set[str] = set()
        self._bars: dict[str, TaskID] = {}

    def until_it_rests(self) -> Run:
        """The run once it is over, or suspended until somebody resumes it; everything told on the way."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        answered = time.monotonic()
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            while True:
                try:
                    final = self._look(progress)
                    answered = time.monotonic()
                except Transient:
                    if time.monotonic() - answered > PATIENCE:
                        raise
                    final = False
                if final:
                    return self._run
                time.sleep(POLL)

    def _look(self, progress: Progress) -> bool:
        self._run = self._prefect.run(self._run.id)
        family = (self._run, *self._prefect.children(self._run.id), *self._prefect.runs_tagged(f"delivery:{self._run.id}"))
        names = {run.id: run.name for run in family}
        for step in self._prefect.tasks(list(names)):
            self._tell(progress, names.get(step.flow_run_id or "", ""), step)
        return self._run.is_final or self._run.is_suspended

    def _tell(self, progress: Progress, flow: str, step: Run) -> None:
        if step.id in self._told or step.start_time is None:
            return
        line = f"{escape(flow)}  [bold]{escape(step.name)}[/bold]"
        if step.is_final:
            self._told.add(step.id)
            if (bar := self._bars.pop(step.id, None)) is not None:
                progress.remove_task(bar)
            mark = "[green]✓[/green]" if step.state_type == "COMPLETED" else "[red]✗[/red]"
            console.print(f"{mark} {line}  {_seconds(step):.1f} s")
        elif step.id not in self._bars:
            self._bars[step.id] = progress.add_task(line, total=None)


def _seconds(step: Run) -> float:
    if step.total_run_time:
        return step.total_run_time
    began = step.start_time or datetime.now(UTC)
    return ((step.end_time or began) - began).total_seconds()
