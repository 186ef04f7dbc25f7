"""Scans of a release over a registry in memory: when one is due, what it is given, and what is then attached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pratique.bootstrap import Clients
from pratique.clients.ports import EvidenceSigner, EvidenceVerifier, Registry, Scanner
from pratique.clients.sigstore.gather import gather_one, sign_and_attach
from pratique.decisions.bill_of_materials import bill_statement
from pratique.decisions.evidence import Gathered
from pratique.decisions.findings import scan_statement, scans_of
from pratique.errors import Refused, Transient
from pratique.pipeline.scanning import scan_release
from pratique.settings import Settings
from pratique.values.evidence import Statement
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.scan import Finding, Scan, Severity
from pratique.values.trust import Trusted
from tests.fakes.evidence import FakeEvidenceSigner, FakeEvidenceVerifier
from tests.fakes.registry import FakeRegistry
from tests.fakes.stored_release import COMMIT, stored_release

OURS, THEIRS = FakeEvidenceSigner("ours"), FakeEvidenceSigner("theirs")
GRYPE = "pkg:github/anchore/grype"


def findings(**counts: int) -> tuple[Finding, ...]:
    return tuple(
        Finding(id=f"CVE-{severity}-{number}", severity=Severity(severity))
        for severity, count in counts.items()
        for number in range(count)
    )


@dataclass
class FakeScanner:
    """`Scanner`: finds in each bill what the test says."""

    uri: str = GRYPE
    found: tuple[Finding, ...] | None = ()
    broken: Exception | None = None
    given: list[Mapping[str, Any]] = field(default_factory=list)

    def scan(self, bill: Mapping[str, Any]) -> Scan | None:
        self.given.append(bill)
        if self.broken is not None:
            raise self.broken
        if self.found is None:
            return None
        now = datetime.now(UTC)
        return Scan(scanner=self.uri, version="1", started_at=now, finished_at=now, findings=self.found)


@dataclass(frozen=True, slots=True)
class InMemory(Clients):
    """A registry, a signer and a scanner in memory; `signers` counts how often one was opened."""

    store: FakeRegistry = field(default_factory=FakeRegistry)
    looks: FakeScanner | None = None
    signers: list[str] = field(default_factory=list)

    @property
    def trust(self) -> tuple[Trusted, ...]:
        return (OURS.trusted,)

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        yield self.store

    @contextmanager
    def signer(self) -> Iterator[EvidenceSigner]:
        self.signers.append("opened")
        yield OURS

    def verifier(self) -> EvidenceVerifier:
        return FakeEvidenceVerifier()

    def scanner(self) -> Scanner | None:
        return self.looks

    def attach(self, reference: ImageReference, statement: Statement, signer: EvidenceSigner = OURS) -> None:
        sign_and_attach(
            self.store,
            signer,
            reference.repository,
            statement,
            reference.digest,
            created=COMMIT.committed_at,
            verifier=self.verifier(),
            trusted=self.trust,
        )

    def gathered(self, reference: ImageReference) -> Gathered:
        return gather_one(self.store, self.verifier(), reference, self.trust)


def in_memory(scanner: FakeScanner | None, every: str = "1d") -> InMemory:
    login = {"login": {"method": "token", "token_file": "/nowhere"}}
    content = {"vault": login, "environments": {"dev": {}}, "scanner": {"kind": "grype", "every": every}}
    return InMemory(Settings.model_validate(content), looks=scanner)


def released(clients: InMemory, *, billed: bool = True) -> StoredRelease:
    """A release whose two images the registry holds, with a bill each."""
    stored = stored_release()
    images = []
    for image in stored.release.images:
        repository = image.reference.repository
        digest = clients.store.push_artifact(repository, "application/vnd.example.test", image.name.encode(), (), {})
        reference = ImageReference(repository=repository, digest=digest)
        images.append(image.model_copy(update={"reference": reference}))
        if billed:
            clients.attach(reference, bill(reference))
    release = stored.release.model_copy(update={"images": tuple(images)})
    return stored.model_copy(update={"release": release})


def bill(reference: ImageReference) -> Statement:
    listed = {"type": "library", "name": reference.repository}
    return bill_statement(
        reference, {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [listed]}, COMMIT.committed_at
    )


def scans(clients: InMemory, reference: ImageReference) -> tuple[Scan, ...]:
    return scans_of(clients.gathered(reference), datetime.now(UTC)).scans


def test_each_image_is_scanned_by_its_own_bill_and_the_scan_is_signed_in_one_session() -> None:
    scanner = FakeScanner(found=findings(critical=1, low=2))
    clients = in_memory(scanner)
    stored = released(clients)
    told = list(scan_release(clients, stored))
    references = [image.reference for image in stored.release.images]
    assert told == [f"{reference} is scanned by {GRYPE}: 1 critical, 2 low" for reference in references]
    assert [given["components"][0]["name"] for given in scanner.given] == [reference.repository for reference in references]
    assert [len(scan.findings) for reference in references for scan in scans(clients, reference)] == [3, 3]
    assert clients.signers == ["opened"]


def test_a_scan_that_is_young_enough_is_not_repeated() -> None:
    scanner = FakeScanner()
    clients = in_memory(scanner)
    stored = released(clients)
    list(scan_release(clients, stored))
    again = list(scan_release(clients, stored))
    assert len(scanner.given) == 2
    assert all("UTC, less than 1d ago: nothing was found" in line for line in again)
    assert clients.signers == ["opened"]


def test_an_old_scan_is_repeated_and_the_new_one_counts() -> None:
    clients = in_memory(FakeScanner(found=findings(high=1)), every="1h")
    stored = released(clients)
    image = stored.release.images[0].reference
    then = datetime.now(UTC) - timedelta(hours=1)
    clients.attach(image, scan_statement(image, Scan(scanner=GRYPE, started_at=then, finished_at=then)))
    list(scan_release(clients, stored))
    (scan,) = scans(clients, image)
    assert len(scan.findings) == 1


@pytest.mark.parametrize(
    ("scanner", "signer"), [("pkg:github/google/osv-scanner", OURS), (GRYPE, THEIRS)], ids=["another scanner", "a stranger"]
)
def test_a_scan_by_another_scanner_or_a_stranger_does_not_stand_in(scanner: str, signer: FakeEvidenceSigner) -> None:
    looks = FakeScanner()
    clients = in_memory(looks)
    stored = released(clients)
    now = datetime.now(UTC)
    for image in stored.release.images:
        statement = scan_statement(image.reference, Scan(scanner=scanner, started_at=now, finished_at=now))
        clients.attach(image.reference, statement, signer)
    list(scan_release(clients, stored))
    assert len(looks.given) == 2


def test_without_a_scanner_nothing_is_attached_and_it_says_so() -> None:
    clients = in_memory(None)
    stored = released(clients)
    assert list(scan_release(clients, stored)) == [
        "the settings name no scanner: nothing is known of vulnerabilities in the images"
    ]
    assert scans(clients, stored.release.images[0].reference) == ()


def test_a_scanner_that_knows_nothing_of_it_leaves_no_scan() -> None:
    clients = in_memory(FakeScanner(found=None))
    stored = released(clients)
    assert all("so no scan is attached to it" in line for line in scan_release(clients, stored))
    assert scans(clients, stored.release.images[0].reference) == ()
    assert clients.signers == []


def test_an_image_without_a_bill_is_refused() -> None:
    clients = in_memory(FakeScanner())
    with pytest.raises(Refused, match="has no bill of materials by anyone trusted: prepare its release again"):
        list(scan_release(clients, released(clients, billed=False)))


def test_a_scanner_that_cannot_answer_leaves_no_scan() -> None:
    clients = in_memory(FakeScanner(broken=Transient("no answer")))
    stored = released(clients)
    with pytest.raises(Transient):
        list(scan_release(clients, stored))
    assert scans(clients, stored.release.images[0].reference) == ()
