"""What is in an image, and what is known to be wrong with it, on record after a delivery and completed by the next one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pratique.clients.registry import documents
from pratique.clients.registry.names import referrers_tag
from pratique.clients.sigstore.gather import gather_one
from pratique.decisions.bill_of_materials import bill_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.findings import scans_of
from pratique.values.bill import BILL_PREDICATE
from pratique.values.digest import digest_of
from pratique.values.release import StoredRelease
from pratique.values.scan import SCAN_PREDICATE
from tests.fakes.programs import program
from tests.services.stack import RunningStack, Service

if TYPE_CHECKING:
    from tests.fakes.flows_here import FlowsHere

pytestmark = pytest.mark.xdist_group("stack")

REPORT = json.loads((Path(__file__).parents[1] / "cases" / "scan_reports.json").read_text())["grype"]


@pytest.fixture(scope="module")
def scanned(stack: RunningStack, here: FlowsHere) -> Iterator[Service]:
    """A service delivered where the operator's settings name a scanner, which answers as grype does."""
    service = Service(stack, "hello-scanned")
    folder = stack.folder / "scanner"
    folder.mkdir()
    grype = program(folder / "grype", answer=json.dumps(REPORT))

    def name_it(settings: dict[str, Any]) -> None:
        settings["scanner"] = {"kind": "grype", "program": grype}

    with stack.changed_settings(name_it):
        service.delivered("--through", "dev")
        yield service


def released(service: Service) -> StoredRelease:
    with service.stack.clients() as clients, clients.ledger() as ledger:
        return ledger.releases(service.name, limit=1)[0]


def attached(service: Service) -> Gathered:
    """What is attached to the image of the newest release, by those whom the settings trust."""
    image = released(service).release.images[0].reference
    with service.stack.clients() as clients, clients.registry() as registry:
        return gather_one(registry, clients.verifier(), image, clients.trust)


def forget(service: Service, *predicate_types: str) -> None:
    """From here on the registry lists no evidence of these kinds about the image of the newest release."""
    stored = released(service)
    image, created = stored.release.images[0].reference, stored.release.commit.committed_at
    settings = service.stack.settings().registry
    index = f"http://{settings.address}/v2/{image.repository}/manifests/{referrers_tag(image.digest)}"
    kept = [found for found in attached(service).verified if found.statement.predicate_type not in predicate_types]
    with service.stack.clients() as clients, clients.registry() as registry:
        bundles = {digest_of(bundle): bundle for bundle in registry.bundles(image.repository, image.digest)}
        assert len(bundles) == len(kept) + len(predicate_types)
        headers = {"Content-Type": documents.INDEX_TYPE}
        httpx.put(index, content=documents.index([]), headers=headers, timeout=30).raise_for_status()
        for found in kept:
            registry.attach(image.repository, image.digest, bundles[found.bundle], found.statement.predicate_type, created)


def test_an_image_has_its_bill_of_materials_and_its_scan_beside_signature_and_provenance(scanned: Service) -> None:
    gathered = attached(scanned)
    assert gathered.rejected == ()
    assert len(gathered.verified) == 4
    bill = bill_of(gathered)
    assert (bill.documents, bill.faults) == (1, ())
    assert [component.name for component in bill.components] == ["busybox"]
    scans = scans_of(gathered, datetime.now(UTC))
    assert scans.faults == ()
    assert [(scan.scanner, len(scan.findings)) for scan in scans.scans] == [("pkg:github/anchore/grype", 2)]


def test_a_release_that_lacks_a_bill_is_completed_by_the_next_delivery(scanned: Service) -> None:
    before = released(scanned)
    forget(scanned, BILL_PREDICATE, SCAN_PREDICATE)
    again = scanned.deliver("--through", "dev")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "build hello" in again.stdout
    assert released(scanned) == before
    gathered = attached(scanned)
    assert bill_of(gathered).documents == 1
    assert len(scans_of(gathered, datetime.now(UTC)).scans) == 1


def test_a_release_that_exists_is_scanned_where_it_has_no_scan_and_nothing_is_built(scanned: Service) -> None:
    forget(scanned, SCAN_PREDICATE)
    again = scanned.deliver("--through", "dev")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "build hello" not in again.stdout
    assert "scan the images" in again.stdout
    assert len(scans_of(attached(scanned), datetime.now(UTC)).scans) == 1
