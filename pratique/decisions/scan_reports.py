"""The reports of vulnerability scanners, read: what each found, in one form.

Formats: grype's JSON (github.com/anchore/grype, `grype/presenter/models`), OSV-Scanner's JSON
(google.github.io/osv-scanner/output) over OSV entries (ossf.github.io/osv-schema), Trivy's JSON (trivy.dev, "Reporting").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from pratique.decisions.severities import severity_of
from pratique.values.scan import Finding


def findings_in(report: object) -> tuple[Finding, ...]:
    """What a report says; ValueError where it is of none of the three kinds, or not whole."""
    if isinstance(report, dict):
        for key, read in (("matches", grype_findings), ("results", osv_findings), ("Results", trivy_findings)):
            if key in report:
                return read(report)
    raise ValueError("the report is of no known kind: grype, OSV-Scanner and Trivy are read")


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class _GrypeFix(_Wire):
    versions: tuple[str, ...] | None = None


class _GrypeVulnerability(_Wire):
    id: str
    severity: str = ""
    fix: _GrypeFix = _GrypeFix()


class _Named(_Wire):
    id: str


class _GrypeArtifact(_Wire):
    name: str
    version: str = ""


class _GrypeMatch(_Wire):
    vulnerability: _GrypeVulnerability
    related: tuple[_Named, ...] | None = Field(default=None, alias="relatedVulnerabilities")
    artifact: _GrypeArtifact


class _GrypeReport(_Wire):
    matches: tuple[_GrypeMatch, ...]


def grype_findings(report: dict[str, Any]) -> tuple[Finding, ...]:
    """What `grype -o json` found; ValueError where the report is not whole."""
    return in_order(
        Finding(
            id=match.vulnerability.id,
            severity=severity_of([match.vulnerability.severity]),
            aliases=_others(match.vulnerability.id, (related.id for related in match.related or ())),
            package=match.artifact.name,
            version=match.artifact.version,
            fixed_in=", ".join(match.vulnerability.fix.versions or ()),
        )
        for match in _GrypeReport.model_validate(report).matches
    )


class _OsvEvent(_Wire):
    fixed: str = ""


class _OsvRange(_Wire):
    events: tuple[_OsvEvent, ...] = ()


class _OsvPackage(_Wire):
    name: str
    version: str = ""
    ecosystem: str = ""


class _OsvAffected(_Wire):
    package: _OsvPackage | None = None
    ecosystem_specific: dict[str, Any] = {}
    ranges: tuple[_OsvRange, ...] = ()


class _OsvEntry(_Wire):
    id: str
    affected: tuple[_OsvAffected, ...] = ()
    database_specific: dict[str, Any] = {}

    def words(self) -> Iterator[str]:
        """How bad it is, where no score was worked out: as GitHub's database says it, and as Debian's does."""
        yield str(self.database_specific.get("severity", ""))
        yield from (str(affected.ecosystem_specific.get("urgency", "")) for affected in self.affected)

    def fixes(self, name: str) -> Iterator[str]:
        for affected in self.affected:
            if affected.package is None or affected.package.name == name:
                yield from (event.fixed for found in affected.ranges for event in found.events if event.fixed)


class _OsvGroup(_Wire):
    ids: tuple[str, ...] = Field(min_length=1)
    aliases: tuple[str, ...] | None = None
    max_severity: str = ""


class _OsvFound(_Wire):
    package: _OsvPackage
    vulnerabilities: tuple[_OsvEntry, ...] = ()
    groups: tuple[_OsvGroup, ...] = ()


class _OsvResult(_Wire):
    packages: tuple[_OsvFound, ...] | None


class OsvReport(_Wire):
    """OSV-Scanner's report, as far as it is read."""

    results: tuple[_OsvResult, ...] | None

    @property
    def looked_up(self) -> bool:
        """Whether the scanner knew any package by an ecosystem, where it was told to list all."""
        return any(found.package.ecosystem for result in self.results or () for found in result.packages or ())


def osv_findings(report: dict[str, Any]) -> tuple[Finding, ...]:
    """What `osv-scanner --format json` found, entries about the same vulnerability once; ValueError where it is not whole."""
    results = OsvReport.model_validate(report).results or ()
    return in_order(finding for result in results for found in result.packages or () for finding in _osv_package(found))


def _osv_package(found: _OsvFound) -> Iterator[Finding]:
    entries = {entry.id: entry for entry in found.vulnerabilities}
    grouped = {id_ for group in found.groups for id_ in group.ids}
    alone = (_OsvGroup(ids=(entry,)) for entry in entries if entry not in grouped)
    for group in (*found.groups, *alone):
        known = [entries[id_] for id_ in group.ids if id_ in entries]
        words = [word for entry in known for word in entry.words()]
        yield Finding(
            id=group.ids[0],
            severity=severity_of([group.max_severity, *words]),
            aliases=_others(group.ids[0], (*group.ids, *(group.aliases or ()))),
            package=found.package.name,
            version=found.package.version,
            fixed_in=", ".join(sorted({fix for entry in known for fix in entry.fixes(found.package.name)})),
        )


class _Trivy(_Wire):
    model_config = ConfigDict(frozen=True, alias_generator=to_pascal)


class _TrivyVulnerability(_Trivy):
    id: str = Field(alias="VulnerabilityID")
    pkg_name: str
    installed_version: str = ""
    fixed_version: str = ""
    severity: str = ""
    vendor_ids: tuple[str, ...] = Field(default=(), alias="VendorIDs")


class _TrivyResult(_Trivy):
    vulnerabilities: tuple[_TrivyVulnerability, ...] | None = None


class _TrivyReport(_Trivy):
    results: tuple[_TrivyResult, ...]


def trivy_findings(report: dict[str, Any]) -> tuple[Finding, ...]:
    """What `trivy --format json` found; ValueError where the report is not whole."""
    return in_order(
        Finding(
            id=found.id,
            severity=severity_of([found.severity]),
            aliases=_others(found.id, found.vendor_ids),
            package=found.pkg_name,
            version=found.installed_version,
            fixed_in=found.fixed_version,
        )
        for result in _TrivyReport.model_validate(report).results
        for found in result.vulnerabilities or ()
    )


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, by package, version and id."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: (one.package, one.version, one.id, one.model_dump_json())))


def _others(id_: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name} - {id_}))
