"""`pratique policy test | show`: the gates, and the tests of those who write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pratique.cli.exit_codes import ExitCode
from pratique.cli.options import Json
from pratique.cli.output import console, show_json, show_table

if TYPE_CHECKING:
    from pratique.settings import Settings
    from pratique.values.gate import Module


def run(
    folders: Annotated[list[Path] | None, typer.Argument(help="Folders of policies; without any, those that are used.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Run the tests of policies: rules test_… in *_test.rego. One that is not exactly true has failed; none is a failure."""
    from pratique.clients.policy_files import operator_modules
    from pratique.clients.rego.testing import run_tests

    results = run_tests(operator_modules(folders) if folders else _used())
    failed = [result for result in results if result.failures]
    if as_json:
        show_json(results)
    else:
        for result in failed:
            for failure in result.failures:
                console.print(f"{result.gate} {result.test or '(all)'}: {failure}", markup=False)
        console.print(f"{len(results) - len(failed)} passed, {len(failed)} failed", markup=False)
    if failed:
        raise typer.Exit(ExitCode.REFUSED)


def show(*, as_json: Json = False) -> None:
    """Show which gates there are, whose they are, and the digest of all of them."""
    from pratique.decisions.policy_sets import gates_of, modules_digest

    modules = _used()
    gates, digest = gates_of(modules), modules_digest(modules)
    if as_json:
        rows = [{"gate": one.name, "origin": one.origin, "files": [module.path for module in one.modules]} for one in gates]
        show_json({"gates": rows, "digest": digest, "faults": [fault for one in gates for fault in one.faults]})
        return
    rows = [{"gate": one.name, "by": one.origin, "files": ", ".join(path for path, _ in one.sources)} for one in gates]
    show_table(rows, empty="no gates")
    console.print(f"digest {digest}", markup=False)
    for fault in (fault for one in gates for fault in one.faults):
        console.print(fault, markup=False)


def _used() -> tuple[Module, ...]:
    """The policies that ship, and those of the operator's folders, where there are settings."""
    from pratique.clients.policy_files import operator_modules, shipped_modules
    from pratique.settings import load_settings, settings_file

    settings: Settings | None = load_settings() if settings_file().exists() else None
    return shipped_modules() + operator_modules(settings.policies if settings else ())
