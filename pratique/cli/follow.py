"""Following a flow run on a terminal: what runs now with a spinner, what is done with its time; plain lines otherwise."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import typer
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pratique.cli.exit_codes import ExitCode
from pratique.cli.output import complaints, console
from pratique.cli.patience import patiently
from pratique.clients.prefect import Prefect, Run
from pratique.errors import Transient

FIRST_POLL, SLOWEST_POLL = 0.3, 1.2
"""Seconds between two looks, each of which costs the server two queries."""

POLL_SHARE = 0.04
"""Of the time waited so far: so much later than its end, at the most, an end is seen."""

LATEST = 0.25
"""Seconds after a run has ended until its steps are looked at for the last time."""

LATE = timedelta(seconds=5)
"""So much later than another one a step may be heard of that began before it."""

PATIENCE = 60.0
"""Seconds for which a server that does not answer is asked again; the run itself goes on without us."""


def followed(prefect: Prefect, run: Run, page: str) -> Run:
    """The run at its rest; whoever interrupts the command is told that the run goes on, and may cancel it as well.

    Leaves with `ExitCode.INTERRUPTED` where it is left alone.
    """
    try:
        return Follower(prefect, run).until_it_rests()
    except KeyboardInterrupt:
        complaints.print(f"This command ends, the run goes on: {page}", markup=False)
        if not _is_to_be_cancelled():
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    patiently(lambda: prefect.cancel(run.id))
    complaints.print("Cancelling it; what it has changed is undone first.", markup=False)
    try:
        return Follower(prefect, run).until_it_rests()
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _is_to_be_cancelled() -> bool:
    """What a person says who can be asked; no, where nobody is there."""
    if not sys.stdin.isatty():
        return False
    try:
        return typer.confirm("Cancel it?", default=False, err=True)
    except (typer.Abort, KeyboardInterrupt):
        return False


class Follower:
    """Follows one run, its sub-flow runs and the promotions it started."""

    def __init__(self, prefect: Prefect, run: Run) -> None:
        self._prefect = prefect
        self._run = run
        self._told: set[str] = set()
        self._bars: dict[str, TaskID] = {}
        self._open: dict[str, datetime] = {}
        """When each step began that runs, as far as we know."""
        self._newest = datetime.min.replace(tzinfo=UTC)

    def until_it_rests(self) -> Run:
        """The run once it is over, or suspended until somebody resumes it; everything told on the way."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        began = answered = time.monotonic()
        with Progress(*columns, console=console.rich, transient=True, disable=not console.rich.is_terminal) as progress:
            while True:
                try:
                    final = self._look(progress)
                    answered = time.monotonic()
                except Transient:
                    if time.monotonic() - answered > PATIENCE:
                        raise
                    final = False
                if final:
                    # What its last steps came to is recorded a moment after they have.
                    time.sleep(LATEST)
                    with suppress(Transient):
                        self._look(progress)
                    return self._run
                time.sleep(min(max(FIRST_POLL, POLL_SHARE * (time.monotonic() - began)), SLOWEST_POLL))

    def _look(self, progress: Progress) -> bool:
        family = {run.id: run for run in self._prefect.family(self._run.id, f"delivery:{self._run.id}")}
        self._run = family.get(self._run.id) or self._prefect.run(self._run.id)
        for step in self._prefect.tasks(list(family), self._since()):
            self._tell(progress, family[step.flow_run_id or ""].name, step)
        return self._run.is_final or self._run.is_suspended

    def _since(self) -> datetime:
        """From when on steps may have something new to tell: Prefect hears of some that began earlier somewhat later."""
        began = min([self._newest, *self._open.values()])
        return began - LATE if began > datetime.min.replace(tzinfo=UTC) else began

    def _tell(self, progress: Progress, flow: str, step: Run) -> None:
        if step.id in self._told or step.start_time is None:
            return
        line = f"{escape(flow)}  [bold]{escape(step.name)}[/bold]"
        self._newest = max(self._newest, step.start_time)
        if step.is_final:
            self._told.add(step.id)
            self._open.pop(step.id, None)
            if (bar := self._bars.pop(step.id, None)) is not None:
                progress.remove_task(bar)
            mark = "[green]✓[/green]" if step.state_type == "COMPLETED" else "[red]✗[/red]"
            console.print(f"{mark} {line}  {_seconds(step):.1f} s")
        elif step.id not in self._bars:
            self._bars[step.id] = progress.add_task(line, total=None)
            self._open[step.id] = step.start_time


def _seconds(step: Run) -> float:
    if step.total_run_time:
        return step.total_run_time
    began = step.start_time or datetime.now(UTC)
    return ((step.end_time or began) - began).total_seconds()
