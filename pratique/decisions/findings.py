"""Vulnerability scans: the statement that one is made of, and what the statements about an image say was found.

Formats: see `pratique.values.scan`. What we write is `vulns` v0.2; the older kinds are read just the same.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from pratique.decisions.dsse import problems_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.scan_reports import findings_in, in_order
from pratique.decisions.severities import severity_of
from pratique.values.evidence import Statement, VerifiedStatement, statement_about
from pratique.values.references import ImageReference
from pratique.values.scan import SCAN_PREDICATE, SCAN_PREDICATES, Database, Finding, Scan, Scans


def scan_statement(reference: ImageReference, scan: Scan) -> Statement:
    """The statement about an image that one scan makes."""
    name = scan.scanner.rpartition("/")[2]
    database = scan.database
    known = {"uri": database.uri, "version": database.version, "lastUpdate": _rfc3339(database.updated_at)}
    predicate = {
        "scanner": {
            "uri": f"{scan.scanner}@{scan.version}" if scan.version else scan.scanner,
            **({"version": scan.version} if scan.version else {}),
            "db": {key: value for key, value in known.items() if value},
            "result": [
                {
                    "id": finding.id,
                    "severity": [{"method": name, "score": finding.severity.value}],
                    "annotations": _annotations(finding),
                }
                for finding in scan.findings
            ],
        },
        "metadata": {"scanStartedOn": _rfc3339(scan.started_at), "scanFinishedOn": _rfc3339(scan.finished_at)},
    }
    return statement_about(reference.repository, reference.digest, SCAN_PREDICATE, predicate)


def scans_of(gathered: Gathered, now: datetime) -> Scans:
    """The newest scan of the image by each scanner, of every verified statement that speaks of it."""
    newest: dict[str, Scan] = {}
    faults: list[str] = []
    for found in gathered.verified:
        if found.statement.predicate_type not in SCAN_PREDICATES:
            continue
        scan, problem = _read(found, gathered, now)
        if scan is None:
            faults.append(f"scan {found.bundle[7:19]} does not count: {problem}")
        elif scan.scanner not in newest or newest[scan.scanner].finished_at < scan.finished_at:
            newest[scan.scanner] = scan
    return Scans(scans=tuple(newest[scanner] for scanner in sorted(newest)), faults=tuple(faults))


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


_Time = Annotated[AwareDatetime | None, BeforeValidator(lambda found: found or None)]
"""Scanners that do not know one write an empty text."""


class _Severity(_Wire):
    score: str


class _Result(_Wire):
    id: str = Field(min_length=1)
    severity: tuple[_Severity, ...] = ()
    annotations: tuple[dict[str, Any], ...] = ()

    @field_validator("severity", "annotations", mode="before")
    @classmethod
    def _one_is_a_list_too(cls, found: object) -> object:
        """The specification calls them an object in one line and a list in another."""
        return [found] if isinstance(found, dict) else found

    def finding(self) -> Finding:
        told = [(key, value) for entry in self.annotations for key, value in entry.items() if isinstance(value, str)]
        first = dict(reversed(told))
        return Finding(
            id=self.id,
            severity=severity_of(severity.score for severity in self.severity),
            aliases=tuple(sorted({value for key, value in told if key == "alias"})),
            package=first.get("package", ""),
            version=first.get("version", ""),
            fixed_in=first.get("fixedIn", ""),
        )


class _Database(_Wire):
    uri: str = ""
    version: str = ""
    last_update: _Time = None


class _Scanner(_Wire):
    uri: str = Field(min_length=1)
    version: str = ""
    db: _Database | None = None
    # `vulns` has a list of findings here; cosign's record has whatever the scanner wrote.
    result: list[Any] | dict[str, Any]


class _Metadata(_Wire):
    finished: AwareDatetime = Field(alias="scanFinishedOn")
    started: _Time = Field(default=None, alias="scanStartedOn")


class _Predicate(_Wire):
    scanner: _Scanner
    metadata: _Metadata


def _read(found: VerifiedStatement, gathered: Gathered, now: datetime) -> tuple[Scan | None, str]:
    if not found.statement.speaks_of(gathered.reference.digest):
        return None, "it speaks of something else"
    try:
        predicate = _Predicate.model_validate(found.statement.predicate)
        findings = _findings(predicate.scanner.result)
    except (ValidationError, ValueError) as error:
        return None, f"it cannot be read: {problems_of(error)}"
    finished = predicate.metadata.finished
    if finished > now:
        return None, "its time has not come"
    scanner, database = predicate.scanner, predicate.scanner.db or _Database()
    return Scan(
        scanner=_without_version(scanner.uri),
        version=scanner.version,
        database=Database(uri=database.uri, version=database.version, updated_at=database.last_update),
        started_at=predicate.metadata.started or finished,
        finished_at=finished,
        findings=findings,
    ), ""


def _findings(result: list[Any] | dict[str, Any]) -> tuple[Finding, ...]:
    if isinstance(result, dict):
        return findings_in(result)
    # Version 0.1 has each one in a `vulnerability` of its own in the text, and bare in its example.
    bare = (item.get("vulnerability", item) if isinstance(item, dict) else item for item in result)
    return in_order(_Result.model_validate(item).finding() for item in bare)


def _without_version(uri: str) -> str:
    """The scanner, so that its next version does not count as another scanner."""
    return uri.partition("@")[0] if uri.startswith("pkg:") else uri


def _annotations(finding: Finding) -> list[dict[str, str]]:
    told = [("package", finding.package), ("version", finding.version), ("fixedIn", finding.fixed_in)]
    told += [("alias", alias) for alias in finding.aliases]
    return [{key: value} for key, value in told if value]


def _rfc3339(time: datetime | None) -> str:
    return "" if time is None else time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
