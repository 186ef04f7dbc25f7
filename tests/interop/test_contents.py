"""Bills of materials and scans, ours by the real cosign and cosign's by us, on a real registry.

The program is built by the ordinary Go client, by `python -m tests.peers cosign`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.ports import OciImage, Registry
from pratique.clients.registry import open_registry
from pratique.clients.sigstore import KeyEvidenceSigner, OfflineEvidenceVerifier
from pratique.clients.sigstore.gather import gather_one, sign_and_attach_all
from pratique.clients.syft import Syft
from pratique.decisions.bill_of_materials import bill_of, bill_statement
from pratique.decisions.findings import scan_statement, scans_of
from pratique.settings import RegistrySettings
from pratique.values.references import ImageReference
from pratique.values.scan import SCAN_PREDICATE, Finding, Scan, Severity
from pratique.values.trust import TrustedKey
from tests import peers
from tests.fakes.engine import FakeBuilder
from tests.fakes.packages import WITH_PACKAGES
from tests.fakes.vault import FakeVault
from tests.services.engine import COMMITTED, image_build

ROOT = Path(__file__).parents[2]
REPORTS: dict[str, Any] = json.loads((ROOT / "tests" / "cases" / "scan_reports.json").read_text())
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """An image in a registry, and what syft says is in it."""

    registry: Registry
    address: str
    reference: ImageReference
    image: OciImage
    folder: Path

    def bill(self) -> dict[str, Any]:
        return Syft().bill(self.image, self.folder)

    def cosign(self, *arguments: str) -> str:
        """What cosign writes; it must succeed."""
        own = {"HOME": str(self.folder), "COSIGN_PASSWORD": "opensesame", "COSIGN_YES": "true"}
        command = [str(peers.program("cosign")), *arguments]
        ran = subprocess.run(command, cwd=self.folder, env=os.environ | own, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{arguments}: {ran.stderr}"
        return ran.stdout


@pytest.fixture(scope="module", autouse=True)
def cosign() -> None:
    """The program is there; a machine that cannot build it fails."""
    peers.program("cosign")


@pytest.fixture
def place(registry_address: str, tmp_path: Path) -> Iterator[Place]:
    repository = "tests/contents"
    # An image of its own for each test: what one attaches, the next one would find.
    build, builder = image_build({**WITH_PACKAGES, "test": str(tmp_path)}), FakeBuilder()
    image = builder.export(builder.build(build, {}, print), build, tmp_path)
    with open_registry(RegistrySettings(address=registry_address, plain_http=True), None) as registry:
        reference = ImageReference(repository=repository, digest=registry.push_image(repository, image, print))
        yield Place(registry, registry_address, reference, image, tmp_path)


def test_cosign_verifies_our_bill_and_our_scan_by_their_types(place: Place) -> None:
    vault = FakeVault()
    vault.create_key("pratique")
    pem = vault.public_key("pratique")[1]
    (place.folder / "pratique.pub").write_text(pem)
    finding = Finding(id="CVE-2026-0001", severity=Severity.HIGH, package="flask")
    scan = Scan(scanner="pkg:github/anchore/grype", started_at=NOW, finished_at=NOW, findings=(finding,))
    statements = [bill_statement(place.reference, place.bill(), COMMITTED), scan_statement(place.reference, scan)]
    sign_and_attach_all(
        place.registry,
        KeyEvidenceSigner(vault, "pratique"),
        place.reference,
        statements,
        created=COMMITTED,
        verifier=OfflineEvidenceVerifier(),
        trusted=[TrustedKey(pem=pem)],
    )
    for kind in ("cyclonedx", SCAN_PREDICATE):
        flags = ("--key", "pratique.pub", "--insecure-ignore-tlog=true", "--type", kind)
        assert "payload" in place.cosign("verify-attestation", *flags, f"{place.address}/{place.reference}")


def test_what_cosign_attests_is_told_as_ours_is(place: Place) -> None:
    place.cosign("generate-key-pair")
    place.cosign("signing-config", "create", "--out", "offline.json")
    moments = {"scanStartedOn": "2026-03-02T11:00:00Z", "scanFinishedOn": "2026-03-02T11:00:01Z"}
    scanner = {"uri": "pkg:github/aquasecurity/trivy@0.60.0", "version": "0.60.0", "db": {"uri": "", "version": ""}}
    record = {"invocation": {}, "scanner": {**scanner, "result": REPORTS["trivy"]}, "metadata": moments}
    for kind, predicate in (("cyclonedx", place.bill()), ("vuln", record)):
        (place.folder / "predicate.json").write_text(json.dumps(predicate))
        flags = ("--key", "cosign.key", "--signing-config", "offline.json", "--type", kind, "--predicate", "predicate.json")
        place.cosign("attest", *flags, f"{place.address}/{place.reference}")

    trusted = TrustedKey(pem=(place.folder / "cosign.pub").read_text())
    gathered = gather_one(place.registry, OfflineEvidenceVerifier(), place.reference, [trusted])
    bill, scans = bill_of(gathered), scans_of(gathered, NOW)
    assert bill.faults == scans.faults == ()
    assert [component.name for component in bill.components] == ["flask", "zlib1g"]
    (scan,) = scans.scans
    assert (scan.scanner, scan.version) == ("pkg:github/aquasecurity/trivy", "0.60.0")
    assert [finding.id for finding in scan.findings] == ["CVE-2026-0001", "CVE-2026-0002"]
