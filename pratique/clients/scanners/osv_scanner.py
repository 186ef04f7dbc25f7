"""OSV-Scanner, version 2 (github.com/google/osv-scanner), run on a bill of materials.

It asks api.osv.dev, which learns every package by name and version, or a folder of databases that the operator keeps.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pratique.clients.program import Ended, find_program, run_program
from pratique.clients.scanners.answers import RUNS_FOR, looks_unreachable, read_report
from pratique.decisions.scan_reports import OsvReport, osv_findings
from pratique.decisions.source_packages import by_source
from pratique.errors import Invalid, Refused, Transient
from pratique.values.digest import canonical_json
from pratique.values.scan import Database, Scan

_REMEDY = "install OSV-Scanner 2 where the worker runs, or name its program in the settings (`scanner.program`)"
_DOWNLOAD = "download those that are needed, as osv-scanner's page on its offline mode says"
_NOTHING_FOUND, _FOUND, _NO_PACKAGES = 0, 1, 128
"""Exit statuses that are answers (google.github.io/osv-scanner, "Return codes")."""
_QUIETLY = ("--all-packages", "--format", "json", "--verbosity", "error")
"""So that the answer lists what was looked up, and anything that is complained of is an error."""


class OsvScanner:
    """Knows vulnerabilities; asks the databases in the folder `database`, or api.osv.dev where it is None."""

    uri = "pkg:github/google/osv-scanner"

    def __init__(self, program: str = "osv-scanner", database: Path | None = None) -> None:
        self._program, self._database = program, database

    def scan(self, bill: Mapping[str, Any]) -> Scan | None:
        """What is wrong with what the bill lists; None where it is of no ecosystem that OSV has."""
        program = find_program(self._program, _REMEDY)
        started = datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="pratique-scan-") as name:
            folder = Path(name)
            # The name says what it is, and there is no configuration beside it.
            (folder / "bill.cdx.json").write_bytes(canonical_json(by_source(bill)))
            database, arguments = self._asked(started)
            version = _version(run_program([program, "--version"], folder, within=RUNS_FOR))
            ended = run_program(
                [program, "scan", "source", "--lockfile", "bill.cdx.json", *_QUIETLY, *arguments],
                folder,
                within=RUNS_FOR,
            )
        if ended.status == _NO_PACKAGES:
            return None
        # A database that is missing beside others is complained of, and what was found in those ends with status 1.
        if ended.status not in (_NOTHING_FOUND, _FOUND) or ended.complaint:
            raise self._failure(ended)
        report, read = read_report("osv-scanner", ended.answer, OsvReport)
        if not read.looked_up:
            return None
        return Scan(
            scanner=self.uri,
            version=version,
            database=database,
            started_at=started,
            finished_at=datetime.now(UTC),
            findings=osv_findings(report),
        )

    def _asked(self, now: datetime) -> tuple[Database, list[str]]:
        """What will be asked, as of when, and how it is told to."""
        if self._database is None:
            return Database(uri="https://api.osv.dev", updated_at=now), []
        files = sorted(self._database.rglob("all.zip"))
        if not files:
            raise Invalid(
                str(self._database),
                "there is no database of OSV in it",
                f"{_DOWNLOAD}, or name their folder (`scanner.database`)",
            )
        # The oldest decides: what it lacks, the scan cannot know.
        updated = min(datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in files)
        return Database(uri="https://osv.dev", updated_at=updated), ["--offline", "--local-db-path", str(self._database)]

    def _failure(self, ended: Ended) -> Refused | Transient:
        said = ended.complaint or f"it ended with status {ended.status}"
        if self._database is None and looks_unreachable(said):
            return Transient(f"osv-scanner could not reach api.osv.dev: {said}")
        if "no offline version" in said:
            return Refused(f"{self._database} lacks a database for a kind of package in the image: {said} ({_DOWNLOAD})")
        return Refused(f"osv-scanner did not scan everything: {said}")


def _version(ended: Ended) -> str:
    found = re.search(r"version: v?([0-9][\w.+-]*)", ended.answer.decode(errors="replace"))
    if ended.status or found is None or not found[1].startswith("2."):
        said = found[1] if found else ended.complaint or "nothing"
        raise Invalid("osv-scanner", f"version 2 is needed, and it says {said}", _REMEDY)
    return found[1]
