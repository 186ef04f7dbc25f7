"""grype's client on a program that answers as grype is documented to: grype itself needs a database from the internet."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.scanners import Grype
from pratique.errors import Invalid, Refused, Transient
from pratique.values.scan import Severity
from tests.fakes.programs import program

BILL = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}
REPORT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "cases" / "scan_reports.json").read_text())["grype"]


def grype(folder: Path, answer: str = "", complaint: str = "", status: int = 0) -> Grype:
    """One that notes how it was called, and ends so."""
    notes = (
        f'printf "%s\\n" "$@" > {folder}/arguments',
        f"cp bill.cdx.json {folder}/bill",
        f"env > {folder}/environment",
    )
    return Grype(program(folder / "grype", *notes, answer=answer, complaint=complaint, status=status))


def test_what_it_reports_is_a_scan(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    scan = grype(tmp_path, json.dumps(REPORT)).scan(BILL)
    assert scan is not None
    assert (scan.scanner, scan.version) == ("pkg:github/anchore/grype", "0.104.0")
    assert scan.database.version == "v6.1.2"
    assert scan.database.updated_at == datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
    assert before <= scan.started_at <= scan.finished_at
    assert [(found.package, found.severity) for found in scan.findings] == [
        ("flask", Severity.CRITICAL),
        ("zlib1g", Severity.NEGLIGIBLE),
    ]


def test_it_is_given_the_bill_and_asked_for_json_and_for_no_newer_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRYPE_DB_CACHE_DIR", "/var/lib/grype")
    monkeypatch.setenv("GRYPE_REGISTRY_AUTH_PASSWORD", "planted")
    grype(tmp_path, json.dumps(REPORT)).scan(BILL)
    assert (tmp_path / "arguments").read_text().split() == ["sbom:bill.cdx.json", "--output", "json", "--quiet"]
    assert json.loads((tmp_path / "bill").read_text()) == BILL
    environment = (tmp_path / "environment").read_text()
    assert "GRYPE_DB_CACHE_DIR=/var/lib/grype" in environment
    assert "GRYPE_CHECK_FOR_APP_UPDATE=false" in environment
    assert "planted" not in environment


def test_the_database_of_versions_before_0_88_is_read_too(tmp_path: Path) -> None:
    old = {**REPORT, "descriptor": {"version": "0.80.0", "db": {"built": "2026-03-01T01:00:00Z", "schemaVersion": 5}}}
    scan = grype(tmp_path, json.dumps(old)).scan(BILL)
    assert scan is not None
    assert (scan.database.version, scan.database.updated_at) == ("5", datetime(2026, 3, 1, 1, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("complaint", "error", "said"),
    [
        (
            "failed to load vulnerability db: database does not exist",
            Refused,
            "has no database that it may use: .*grype db update",
        ),
        (
            "db could not be loaded: the vulnerability database was built 18 weeks ago (max allowed age is 5 days)",
            Refused,
            "built 18 weeks ago .*grype db update",
        ),
        (
            "unable to update vulnerability database: unable to download listing: dial tcp: lookup example.test: i/o timeout",
            Transient,
            "could not reach its database",
        ),
        ("panic: runtime error", Refused, "did not scan: panic"),
        ("", Refused, "it ended with status 1"),
    ],
)
def test_its_complaints_are_told_with_what_to_do(tmp_path: Path, complaint: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        grype(tmp_path, "", complaint, status=1).scan(BILL)


@pytest.mark.parametrize("answer", ["", "no JSON", "{}", '{"matches": []}', json.dumps(REPORT)[:-40]])
def test_half_a_report_is_refused_and_never_nothing_found(tmp_path: Path, answer: str) -> None:
    with pytest.raises(Refused, match="grype wrote a report that cannot be read"):
        grype(tmp_path, answer).scan(BILL)


def test_a_machine_without_it_is_invalid_and_told_what_to_do() -> None:
    with pytest.raises(Invalid, match=r"install grype where the worker runs"):
        Grype("no-such-grype").scan(BILL)
