from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.decisions.evidence import Gathered
from pratique.decisions.findings import scan_statement, scans_of
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner, Statement, VerifiedStatement, statement_about
from pratique.values.references import ImageReference
from pratique.values.scan import Database, Finding, Scan, Scans, Severity

IMAGE = ImageReference(repository="hello/images/web", digest=digest_of(b"web"))
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
GRYPE = "pkg:github/anchore/grype"
V01, V02 = "https://in-toto.io/attestation/vulns/v0.1", "https://in-toto.io/attestation/vulns/v0.2"
COSIGN = "https://cosign.sigstore.dev/attestation/vuln/v1"
REPORTS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cases" / "scan_reports.json").read_text())

SCAN = Scan(
    scanner=GRYPE,
    version="0.104.0",
    database=Database(uri="https://grype.anchore.io/databases", version="6", updated_at=NOW - timedelta(days=1)),
    started_at=NOW - timedelta(minutes=2),
    finished_at=NOW - timedelta(minutes=1),
    findings=(
        Finding(
            id="GHSA-made-uppp-0001",
            severity=Severity.CRITICAL,
            aliases=("CVE-2026-0001", "PYSEC-2026-1"),
            package="flask",
            version="2.0.0",
            fixed_in="2.3.2",
        ),
        Finding(id="CVE-2026-0002", severity=Severity.UNKNOWN, package="zlib1g"),
    ),
)


def predicate(
    result: Any, finished: str = "2026-03-02T11:00:00Z", uri: str = f"{GRYPE}@0.104.0", **metadata: Any
) -> dict[str, Any]:
    return {
        "invocation": {"parameters": []},
        "scanner": {"uri": uri, "version": "0.104.0", "db": {"uri": "", "version": ""}, "result": result},
        "metadata": {"scanStartedOn": "2026-03-02T10:59:00Z", "scanFinishedOn": finished, **metadata},
    }


def gathered(*statements: Statement) -> Gathered:
    return Gathered(
        reference=IMAGE,
        verified=tuple(
            VerifiedStatement(statement=statement, signer=KeySigner(hint="ours"), bundle=digest_of(b"%d" % number))
            for number, statement in enumerate(statements)
        ),
    )


def read(kind: str, *predicates: dict[str, Any]) -> Scans:
    return scans_of(gathered(*(statement_about("web", IMAGE.digest, kind, found) for found in predicates)), NOW)


def test_what_was_found_is_stated_and_read_again_unchanged() -> None:
    statement = scan_statement(IMAGE, SCAN)
    assert statement.predicate_type == V02
    assert statement.speaks_of(IMAGE.digest)
    assert scans_of(gathered(statement), NOW) == Scans(scans=(SCAN,))


def test_the_statement_is_as_the_specification_has_it() -> None:
    assert scan_statement(IMAGE, SCAN).predicate == {
        "scanner": {
            "uri": "pkg:github/anchore/grype@0.104.0",
            "version": "0.104.0",
            "db": {"uri": "https://grype.anchore.io/databases", "version": "6", "lastUpdate": "2026-03-01T12:00:00Z"},
            "result": [
                {
                    "id": "GHSA-made-uppp-0001",
                    "severity": [{"method": "grype", "score": "critical"}],
                    "annotations": [
                        {"package": "flask"},
                        {"version": "2.0.0"},
                        {"fixedIn": "2.3.2"},
                        {"alias": "CVE-2026-0001"},
                        {"alias": "PYSEC-2026-1"},
                    ],
                },
                {
                    "id": "CVE-2026-0002",
                    "severity": [{"method": "grype", "score": "unknown"}],
                    "annotations": [{"package": "zlib1g"}],
                },
            ],
        },
        "metadata": {"scanStartedOn": "2026-03-02T11:58:00Z", "scanFinishedOn": "2026-03-02T11:59:00Z"},
    }


def test_scans_come_flat() -> None:
    (told,) = json.loads(scans_of(gathered(scan_statement(IMAGE, SCAN)), NOW).model_dump_json())["scans"]
    assert told["scanner"] == GRYPE
    assert told["findings"][1] == {
        "id": "CVE-2026-0002",
        "severity": "unknown",
        "aliases": [],
        "package": "zlib1g",
        "version": "",
        "fixed_in": "",
    }


@pytest.mark.parametrize("kind", [V01, V02, COSIGN])
@pytest.mark.parametrize(
    "item",
    [
        {"id": "CVE-2026-0001", "severity": [{"method": "nvd", "score": "medium"}, {"method": "cvss_score", "score": "7.2"}]},
        {"vulnerability": {"id": "CVE-2026-0001", "severity": {"method": "cvss_score", "score": "7.2"}}},
    ],
)
def test_both_versions_and_both_spellings_of_a_finding_are_read(kind: str, item: dict[str, Any]) -> None:
    (scan,) = read(kind, predicate([item])).scans
    assert scan.findings == (Finding(id="CVE-2026-0001", severity=Severity.HIGH),)


@pytest.mark.parametrize("report", sorted(REPORTS))
def test_the_scanners_own_report_in_cosigns_record_is_read(report: str) -> None:
    scans = read(COSIGN, predicate(REPORTS[report]))
    assert scans.faults == ()
    assert next(finding.severity for finding in scans.scans[0].findings) is Severity.CRITICAL
    assert len(scans.scans[0].findings) == 2


def test_a_finding_without_a_severity_is_unknown_and_stays() -> None:
    (scan,) = read(V02, predicate([{"id": "CVE-2026-0001"}])).scans
    assert scan.findings == (Finding(id="CVE-2026-0001", severity=Severity.UNKNOWN),)


def test_the_newest_scan_of_each_scanner_counts_whatever_its_version() -> None:
    first = predicate([{"id": "CVE-2026-0001"}], "2026-03-01T11:00:00Z", f"{GRYPE}@0.103.0")
    second = predicate([], "2026-03-02T11:00:00Z")
    third = predicate([{"id": "CVE-2026-0003"}], "2026-02-01T11:00:00Z", "https://trivy.dev")
    scans = read(V02, second, first, third).scans
    assert [(scan.scanner, len(scan.findings)) for scan in scans] == [("https://trivy.dev", 1), (GRYPE, 0)]


NO_SCANS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "scanner: Field required; metadata: Field required"),
    "no result": ({**predicate([]), "scanner": {"uri": GRYPE}}, "scanner.result: Field required"),
    "a result that is null": (predicate(None), "scanner.result"),
    "an empty report": (predicate({}), "the report is of no known kind"),
    "a result that is text": (predicate("nothing found"), "scanner.result"),
    "a finding without an id": (predicate([{"severity": []}]), "id: Field required"),
    "a finding with an empty id": (predicate([{"id": ""}]), "id: "),
    "a finding that is text": (predicate(["CVE-2026-0001"]), "content: "),
    "nobody who scanned": (predicate([], uri=""), "scanner.uri: "),
    "no time": (predicate([], ""), "metadata.scanFinishedOn: "),
    "a time without a zone": (predicate([], "2026-03-02T11:00:00"), "metadata.scanFinishedOn: "),
    "a time that is none": (predicate([], "lately"), "metadata.scanFinishedOn: "),
}


@pytest.mark.parametrize("case", NO_SCANS)
def test_what_is_no_scan_is_a_fault_and_never_nothing_found(case: str) -> None:
    found, problem = NO_SCANS[case]
    scans = read(V02, found)
    assert scans.scans == ()
    (fault,) = scans.faults
    assert fault.startswith(f"scan {digest_of(b'0')[7:19]} does not count: it cannot be read: {problem}")


def test_a_scan_of_the_future_does_not_count() -> None:
    assert read(V02, predicate([], "2026-03-02T12:00:01Z")) == Scans(
        faults=(f"scan {digest_of(b'0')[7:19]} does not count: its time has not come",)
    )


def test_a_scan_of_another_image_does_not_count() -> None:
    other = statement_about("web", digest_of(b"other"), V02, predicate([]))
    assert read_faults(other) == [f"scan {digest_of(b'0')[7:19]} does not count: it speaks of something else"]


def read_faults(*statements: Statement) -> list[str]:
    return list(scans_of(gathered(*statements), NOW).faults)


def test_a_bad_scan_takes_nothing_from_a_good_one_and_nobody_looking_is_no_scan() -> None:
    scans = read(V02, {}, predicate([]))
    assert (len(scans.scans), len(scans.faults)) == (1, 1)
    assert read(V02) == Scans()
    assert read("https://cyclonedx.org/bom", predicate([])) == Scans()


@settings(deadline=None)
@given(st.data())
def test_whatever_part_is_replaced_it_is_read_or_a_fault(data: st.DataObject) -> None:
    found: dict[str, Any] = copy.deepcopy(scan_statement(IMAGE, SCAN).predicate)
    place: Any = found
    while True:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(st.sampled_from([None, [], {}, "", 0, True, ["x"], {"x": 1}]))
    scans = read(V02, found)
    assert len(scans.scans) + len(scans.faults) == 1
