"""grype (github.com/anchore/grype), run on a bill of materials.

It keeps a database of its own, brings it up to date by itself, and refuses one that is too old. Its configuration is the
operator's, as the worker's user has it; what that ignores is in no evidence.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from pratique.clients.program import Ended, find_program, run_program
from pratique.clients.scanners.answers import RUNS_FOR, looks_unreachable, read_report
from pratique.decisions.scan_reports import grype_findings
from pratique.errors import Refused, Transient
from pratique.values.digest import canonical_json
from pratique.values.scan import Database, Scan

_REMEDY = "install grype where the worker runs, or name its program in the settings (`scanner.program`)"
_UPDATE = "bring its database up to date with `grype db update`, as the worker's user"


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Built(_Wire):
    built: AwareDatetime | None = None
    schema_version: str | int = Field(default="", alias="schemaVersion")
    source: str = Field(default="", alias="from")


class _Db(_Built):
    # Since version 0.88 the database is described one level deeper.
    status: _Built | None = None


class _Descriptor(_Wire):
    version: str = ""
    db: _Db | None = None


class _Report(_Wire):
    descriptor: _Descriptor


class Grype:
    """Knows vulnerabilities; `program` is a name on the PATH, or a path."""

    uri = "pkg:github/anchore/grype"

    def __init__(self, program: str = "grype") -> None:
        self._program = program

    def scan(self, bill: Mapping[str, Any]) -> Scan | None:
        """What is wrong with what the bill lists."""
        program = find_program(self._program, _REMEDY)
        started = datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="pratique-scan-") as name:
            (Path(name) / "bill.cdx.json").write_bytes(canonical_json(bill))
            ended = run_program(
                [program, "sbom:bill.cdx.json", "--output", "json", "--quiet"],
                Path(name),
                within=RUNS_FOR,
                environment={
                    **{key: value for key, value in os.environ.items() if key.startswith("GRYPE_DB_")},
                    "GRYPE_CHECK_FOR_APP_UPDATE": "false",
                },
            )
        if ended.status:
            raise _failure(ended)
        report, described = read_report("grype", ended.answer, _Report)
        db = described.descriptor.db or _Db()
        built = db.status or db
        return Scan(
            scanner=self.uri,
            version=described.descriptor.version,
            database=Database(uri=built.source, version=str(built.schema_version), updated_at=built.built),
            started_at=started,
            finished_at=datetime.now(UTC),
            findings=grype_findings(report),
        )


def _failure(ended: Ended) -> Refused | Transient:
    said = ended.complaint or f"it ended with status {ended.status}"
    if looks_unreachable(said):
        return Transient(f"grype could not reach its database: {said}")
    if "database" in said or "vulnerability db" in said:
        return Refused(f"grype has no database that it may use: {said} ({_UPDATE})")
    return Refused(f"grype did not scan: {said}")
