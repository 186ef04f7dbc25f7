"""`pratique plan | releases | environments | history`: look, and change nothing."""

from __future__ import annotations

from collections.abc import Callable

from pratique.cli.opening import clients
from pratique.cli.options import Json, Limit, OnlyIn, OnlyService, Release, Service, To
from pratique.cli.output import console, show_json, show_table
from pratique.cli.patience import patiently
from pratique.cli.views import change_rows, chosen_release, held_rows, history_rows, release_rows


def plan(
    service: Service,
    to: To,
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
        show_table(change_rows(found.changes), empty=f"nothing to do, because {found.reason}")
    decision.require()


def releases(service: OnlyService = None, limit: Limit = 20, *, as_json: Json = False) -> None:
    """List releases, newest first."""
    _show(lambda: release_rows(service, limit), "no release yet: `pratique deliver` makes one", as_json=as_json)


def environments(service: OnlyService = None, *, as_json: Json = False) -> None:
    """Say what is where."""
    _show(lambda: held_rows(service), "no environment holds anything yet", as_json=as_json)


def history(
    service: OnlyService = None,
    environment: OnlyIn = None,
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
