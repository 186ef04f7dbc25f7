"""Vulnerability scans by the real OSV-Scanner, of a bill that the real syft made, on a database that the test makes itself.

The program is built by the ordinary Go client, by `python -m tests.peers osv-scanner`.
"""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.scanners import OsvScanner
from pratique.clients.syft import Syft
from pratique.decisions.evidence import Gathered
from pratique.decisions.findings import scan_statement, scans_of
from pratique.errors import Refused
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner, VerifiedStatement
from pratique.values.references import ImageReference
from pratique.values.scan import Finding, Severity
from tests import peers
from tests.fakes.engine import FakeBuilder
from tests.fakes.packages import PYTHON, WITH_PACKAGES
from tests.services.engine import Tree, busybox, image_build

ROOT = Path(__file__).parents[2]

_COMMON = {"schema_version": "1.6.0", "modified": "2026-01-01T00:00:00Z", "details": "Made up."}
FLASK = {
    **_COMMON,
    "id": "GHSA-made-uppp-0001",
    "aliases": ["CVE-2026-0001"],
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "flask", "purl": "pkg:pypi/flask"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.3.2"}]}],
        }
    ],
}
ZLIB = {
    **_COMMON,
    "id": "DEBIAN-CVE-2026-0002",
    "upstream": ["CVE-2026-0002"],
    "affected": [
        {
            "package": {"ecosystem": "Debian:12", "name": "zlib"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
            "ecosystem_specific": {"urgency": "low"},
        }
    ],
}
FOUND_IN_FLASK = Finding(
    id="GHSA-made-uppp-0001",
    severity=Severity.CRITICAL,
    aliases=("CVE-2026-0001",),
    package="flask",
    version="2.0.0",
    fixed_in="2.3.2",
)
FOUND_IN_ZLIB = Finding(
    id="DEBIAN-CVE-2026-0002",
    severity=Severity.LOW,
    aliases=("CVE-2026-0002",),
    package="zlib",
    version="1:1.2.13.dfsg-1",
)


def database(folder: Path, **entries: dict[str, Any]) -> Path:
    """OSV's databases as they are downloaded: one archive for each ecosystem."""
    for ecosystem, entry in entries.items():
        file = folder / "osv-scalibr" / ecosystem / "all.zip"
        file.parent.mkdir(parents=True)
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(f"{entry['id']}.json", json.dumps(entry))
    return folder


def bill(tree: Tree, folder: Path) -> dict[str, Any]:
    """What syft finds in an image of these files."""
    folder.mkdir()
    build, builder = image_build(tree), FakeBuilder()
    return Syft().bill(builder.export(builder.build(build, {}, print), build, folder), folder)


@pytest.fixture(scope="module")
def osv_scanner() -> str:
    """The program; a machine that cannot build it fails."""
    return str(peers.program("osv-scanner"))


def test_what_is_known_of_each_kind_of_package_is_found_and_stated(tmp_path: Path, osv_scanner: str) -> None:
    scanner = OsvScanner(osv_scanner, database(tmp_path / "osv", PyPI=FLASK, Debian=ZLIB))
    scan = scanner.scan(bill(WITH_PACKAGES, tmp_path / "image"))
    assert scan is not None
    # Debian's zlib1g is looked up as zlib, its source, by which Debian records vulnerabilities.
    assert scan.findings == (FOUND_IN_FLASK, FOUND_IN_ZLIB)
    assert (scan.scanner, scan.version.split(".")[0]) == ("pkg:github/google/osv-scanner", "2")
    assert scan.database.updated_at is not None
    assert scan.database.updated_at <= scan.started_at <= scan.finished_at

    image = ImageReference(repository="hello/images/web", digest=digest_of(b"web"))
    verified = VerifiedStatement(statement=scan_statement(image, scan), signer=KeySigner(hint="ours"), bundle=digest_of(b""))
    (read,) = scans_of(Gathered(reference=image, verified=(verified,)), datetime.now(UTC)).scans
    assert read.findings == scan.findings


def test_a_package_that_is_fixed_is_not_found(tmp_path: Path, osv_scanner: str) -> None:
    fixed = {name.replace("2.0.0", "2.3.2"): str(content).replace("2.0.0", "2.3.2") for name, content in PYTHON.items()}
    scanner = OsvScanner(osv_scanner, database(tmp_path / "osv", PyPI=FLASK))
    scan = scanner.scan(bill({"Dockerfile": "FROM scratch\nCOPY . /\n", **fixed}, tmp_path / "image"))
    assert scan is not None
    assert scan.findings == ()


def test_a_database_that_is_missing_beside_others_is_refused_though_something_was_found(
    tmp_path: Path, osv_scanner: str
) -> None:
    scanner = OsvScanner(osv_scanner, database(tmp_path / "osv", PyPI=FLASK))
    with pytest.raises(Refused, match="lacks a database for a kind of package in the image"):
        scanner.scan(bill(WITH_PACKAGES, tmp_path / "image"))


@pytest.mark.parametrize(
    "tree",
    [
        {"Dockerfile": "FROM scratch\nCOPY . /\n", "bin/busybox": busybox()},
        {"Dockerfile": "FROM scratch\nCOPY . /\n", "page": "hello"},
    ],
    ids=["a program of no ecosystem", "no package at all"],
)
def test_an_image_that_it_knows_nothing_of_is_not_called_clean(tmp_path: Path, tree: Tree, osv_scanner: str) -> None:
    scanner = OsvScanner(osv_scanner, database(tmp_path / "osv", PyPI=FLASK))
    assert scanner.scan(bill(tree, tmp_path / "image")) is None
