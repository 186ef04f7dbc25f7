"""Reports of scanners, as they write them.

`tests/cases/scan_reports.json` holds OSV-Scanner's own words (2.5.1, on a made-up database; `tests/interop/test_scanners.py`
runs it). grype and Trivy need databases from the internet: theirs are written by hand, after their documented formats.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.decisions.scan_reports import findings_in
from pratique.values.scan import Finding, Severity

REPORTS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parents[2] / "cases" / "scan_reports.json").read_text())


def flask(id_: str, *aliases: str) -> Finding:
    return Finding(id=id_, severity=Severity.CRITICAL, aliases=aliases, package="flask", version="2.0.0", fixed_in="2.3.2")


def zlib(id_: str, severity: Severity, *aliases: str, package: str = "zlib1g") -> Finding:
    return Finding(id=id_, severity=severity, aliases=aliases, package=package, version="1:1.2.13.dfsg-1")


def test_osv_scanner_tells_each_vulnerability_once_by_whatever_names() -> None:
    assert findings_in(REPORTS["osv-scanner"]) == (
        flask("PYSEC-2026-1", "CVE-2026-0001", "GHSA-made-uppp-0001"),
        zlib("DEBIAN-CVE-2026-0002", Severity.NEGLIGIBLE, "CVE-2026-0002", package="zlib"),
    )


def test_grype_tells_package_severity_and_fix() -> None:
    assert findings_in(REPORTS["grype"]) == (
        flask("GHSA-made-uppp-0001", "CVE-2026-0001"),
        zlib("CVE-2026-0002", Severity.NEGLIGIBLE),
    )


def test_trivy_tells_them_target_by_target() -> None:
    assert findings_in(REPORTS["trivy"]) == (
        flask("CVE-2026-0001", "GHSA-made-uppp-0001"),
        zlib("CVE-2026-0002", Severity.LOW),
    )


@pytest.mark.parametrize("report", [{"matches": []}, {"results": []}, {"Results": [{"Target": "debian"}]}])
def test_a_report_of_nothing_found_is_no_findings(report: dict[str, Any]) -> None:
    assert findings_in(report) == ()


def test_an_entry_that_osv_scanner_put_into_no_group_is_found_too() -> None:
    report = copy.deepcopy(REPORTS["osv-scanner"])
    for package in report["results"][0]["packages"]:
        package.pop("groups", None)
    assert {found.id for found in findings_in(report)} == {"GHSA-made-uppp-0001", "PYSEC-2026-1", "DEBIAN-CVE-2026-0002"}


@pytest.mark.parametrize(
    "report",
    [
        {},
        [],
        None,
        "nothing found",
        {"SchemaVersion": 2, "ArtifactName": "hello"},
        {"matches": None},
        {"matches": {}},
        {"matches": ["CVE-2026-0001"]},
        {"matches": [{"vulnerability": {"severity": "High"}, "artifact": {"name": "flask"}}]},
        {"matches": [{"vulnerability": {"id": "", "severity": "High"}, "artifact": {"name": "flask"}}]},
        {"results": "none"},
        {"results": [{}]},
        {"results": [{"packages": [{"package": {"name": "flask"}, "groups": [{"ids": []}]}]}]},
        {"Results": [{"Vulnerabilities": [{"PkgName": "flask"}]}]},
    ],
)
def test_what_is_not_whole_is_an_error_and_never_nothing_found(report: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        findings_in(report)


@settings(deadline=None)
@given(st.data())
def test_a_report_with_any_part_replaced_is_read_or_a_value_error(data: st.DataObject) -> None:
    report = copy.deepcopy(REPORTS[data.draw(st.sampled_from(sorted(REPORTS)))])
    place: Any = report
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(st.sampled_from([None, [], {}, "", 0, True, ["x"], {"x": 1}]))
    try:
        findings_in(report)
    except ValueError:
        return
