"""`pratique deliver | promote | rollback`: start a run by name, follow it, say how it ended."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pratique.cli.exit_codes import STATE_CODES, ExitCode
from pratique.cli.opening import clients
from pratique.cli.options import EarlierRelease, In, Json, Release, Service, To, given_reason
from pratique.cli.output import complaints, console, show_json, show_table
from pratique.cli.patience import patiently
from pratique.cli.views import chosen_release, held_rows

if TYPE_CHECKING:
    from pratique.clients.prefect import Prefect, Run

SHOWN = 5
"""Files that are named, of those that are not committed."""

NoWait = Annotated[bool, typer.Option("--no-wait", help="Start the run and return at once.")]


def deliver(
    repository: Annotated[str, typer.Argument(help="Git URL, or path, of the service's repository.")] = ".",
    ref: Annotated[
        str | None, typer.Option(help="Branch, tag or full commit id; without it, what a path has checked out, else main.")
    ] = None,
    through: Annotated[str | None, typer.Option(help="Stop after this environment.")] = None,
    *,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Build, sign and store the release of a commit, and promote it through its environments."""
    from pratique.decisions.git_names import require_ref, require_repository

    # A path means something to the worker only when it is absolute.
    local = Path(repository).resolve() if Path(repository).exists() else None
    place = require_repository(str(local) if local else repository)
    if ref is None:
        from pratique.clients.git.checkout import checked_out

        ref = (checked_out(local) if local else None) or "main"
    require_ref(ref)
    if local is not None and not as_json:
        _tell_uncommitted(local)
    parameters = {"repository": place, "ref": ref, "through": through, "requested_by": getpass.getuser()}
    _run("deliver/pratique", parameters, no_wait=no_wait, as_json=as_json)


def _tell_uncommitted(folder: Path) -> None:
    """What is delivered is a commit: whoever has changed files since may mean another one."""
    from pratique.clients.git.checkout import uncommitted

    if files := uncommitted(folder):
        some = ", ".join(files[:SHOWN]) + (", …" if len(files) > SHOWN else "")
        complaints.print(f"not committed, and not delivered: {some}", markup=False)


def promote(
    service: Service,
    to: To,
    release: Release = None,
    *,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Move one release into one environment."""
    stored = patiently(lambda: chosen_release(service, release))
    parameters = {"service": service, "release": stored.digest, "environment": to, "requested_by": getpass.getuser()}
    _run(clients().place(to).deployment, parameters, no_wait=no_wait, as_json=as_json)


def rollback(
    service: Service,
    to: In,
    reason: Annotated[str, typer.Option(help="Why; it stays in the history.", callback=given_reason)],
    release: EarlierRelease = None,
    *,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Bring an environment back to a release that was granted there before."""
    earlier = None if release is None else patiently(lambda: chosen_release(service, release)).digest
    parameters = {"service": service, "environment": to, "reason": reason, "release": earlier}
    parameters["requested_by"] = getpass.getuser()
    _run(clients().place(to).rollback_deployment, parameters, no_wait=no_wait, as_json=as_json)


def _run(deployment: str, parameters: Mapping[str, object], *, no_wait: bool, as_json: bool) -> None:
    from pratique.cli.follow import followed

    console.hush(as_json)
    with clients().prefect() as prefect:
        run, page = start_run(prefect, deployment, parameters)
        if not no_wait:
            run = followed(prefect, run, page)
    tell_run(run, page, as_json=as_json, waited=not no_wait)


def start_run(prefect: Prefect, deployment: str, parameters: Mapping[str, object]) -> tuple[Run, str]:
    """A new run of the deployment, and its page."""
    # By its key a start that is asked for again, because its answer was lost, is still one run.
    key = f"command:{uuid.uuid4()}"
    run = patiently(lambda: prefect.start(deployment, parameters, key=key, tags=["pratique"]))
    page = prefect.page(run)
    console.print(f"{deployment} runs: {page}")
    return run, page


def tell_run(run: Run, page: str, *, as_json: bool, waited: bool = True) -> None:
    """How the run ended, and what is where now; leaves with its exit code."""
    services = [tag.removeprefix("service:") for tag in run.tags if tag.startswith("service:")]
    rows = patiently(lambda: held_rows(services[0])) if services else []
    if as_json:
        show_json({"run": run.id, "page": page, "state": run.state_name, "message": run.message, "environments": rows})
    elif waited and rows:
        show_table(rows, empty="")
    code = STATE_CODES.get(run.state_name or "", ExitCode.BUG) if waited else ExitCode.DONE
    if code is not ExitCode.DONE:
        complaints.print(f"{run.state_name}: {run.message}", markup=False)
        raise typer.Exit(code)
