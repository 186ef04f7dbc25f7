"""OSV-Scanner's client where the program itself is not there; `tests/interop/test_scanners.py` runs the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.clients.scanners import OsvScanner
from pratique.errors import Invalid, Refused, Transient
from tests.fakes.programs import program

BILL = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}


def osv_scanner(folder: Path, complaint: str = "", status: int = 0, version: str = "2.5.1", answer: str = "") -> str:
    """One that tells its version when asked, and otherwise ends so."""
    tells = f'[ "$1" = --version ] && echo "osv-scanner version: {version}" && exit 0'
    return program(folder / "osv-scanner", tells, answer=answer, complaint=complaint, status=status)


def test_a_service_that_does_not_answer_may_be_asked_again(tmp_path: Path) -> None:
    complaint = 'max retries exceeded: request failed: Post "https://api.osv.dev/v1/querybatch": dial tcp: no such host'
    with pytest.raises(Transient, match=r"could not reach api\.osv\.dev: max retries exceeded"):
        OsvScanner(osv_scanner(tmp_path, complaint, 127)).scan(BILL)


@pytest.mark.parametrize("status", [0, 1, 127, 129])
def test_an_error_that_it_complains_of_is_refused_whatever_it_found_besides(tmp_path: Path, status: int) -> None:
    with pytest.raises(Refused, match="did not scan everything: Error during extraction"):
        OsvScanner(osv_scanner(tmp_path, "Error during extraction: bad", status, answer='{"results": []}')).scan(BILL)


def test_a_status_that_is_no_answer_is_refused_without_a_complaint_too(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="it ended with status 2"):
        OsvScanner(osv_scanner(tmp_path, status=2, answer='{"results": []}')).scan(BILL)


@pytest.mark.parametrize("answer", ["", "{}", '{"results": [{}]}'])
def test_half_a_report_is_refused_and_never_nothing_found(tmp_path: Path, answer: str) -> None:
    with pytest.raises(Refused, match="osv-scanner wrote a report that cannot be read"):
        OsvScanner(osv_scanner(tmp_path, answer=answer)).scan(BILL)


def test_another_major_version_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"version 2 is needed, and it says 1\.9\.2"):
        OsvScanner(osv_scanner(tmp_path, version="1.9.2")).scan(BILL)


def test_a_folder_without_databases_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="there is no database of OSV in it"):
        OsvScanner(osv_scanner(tmp_path), tmp_path).scan(BILL)


def test_a_machine_without_it_is_invalid_and_told_what_to_do() -> None:
    with pytest.raises(Invalid, match="install OSV-Scanner 2 where the worker runs"):
        OsvScanner("no-such-osv-scanner").scan(BILL)
