"""Scans: what a release's images hold, looked up by the operator's scanner, and stored as evidence beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pratique.bootstrap import Clients
from pratique.clients.ports import Registry, Scanner
from pratique.clients.sigstore.gather import gather_one, sign_and_attach
from pratique.decisions.bill_of_materials import bill_to_scan
from pratique.decisions.evidence import Gathered
from pratique.decisions.findings import scan_statement, scans_of
from pratique.errors import Refused
from pratique.values.duration import format_duration
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.scan import Scan, Severity
from pratique.values.scanner import ScannerSettings


def scan_release(clients: Clients, stored: StoredRelease) -> Iterator[str]:
    """Have each image a scan that is young enough; yields for each what was done, or why nothing was.

    A scan reads the bill of materials that is attached to the image, by a signer whom the settings trust: the image
    itself is not needed, so that an old release is scanned again as cheaply as a new one.
    """
    scanner = clients.scanner()
    if scanner is None:
        yield "the settings name no scanner: nothing is known of vulnerabilities in the images"
        return
    scans: dict[ImageReference, Scan] = {}
    with clients.registry() as registry:
        for reference in dict.fromkeys(image.reference for image in stored.release.images):
            gathered = gather_one(registry, clients.verifier(), reference, clients.trust)
            if told := _scanned_lately(gathered, scanner, clients.settings.scanner):
                yield f"{reference} was {told}"
            elif (scan := scanner.scan(_bill(gathered))) is None:
                yield f"{reference} holds no kind of package that {scanner.uri} knows, so no scan is attached to it"
            else:
                scans[reference] = scan
                yield f"{reference} is scanned by {scanner.uri}: {_summary(scan)}"
        if scans:
            _sign(clients, registry, scans)


def _sign(clients: Clients, registry: Registry, scans: Mapping[ImageReference, Scan]) -> None:
    with clients.signer() as signer:
        for reference, scan in scans.items():
            sign_and_attach(
                registry,
                signer,
                reference.repository,
                scan_statement(reference, scan),
                reference.digest,
                created=scan.finished_at,
                verifier=clients.verifier(),
                trusted=clients.trust,
            )


def _bill(gathered: Gathered) -> dict[str, Any]:
    bill = bill_to_scan(gathered)
    if bill is None:
        raise Refused(f"{gathered.reference} has no bill of materials by anyone trusted: prepare its release again")
    return bill


def _scanned_lately(gathered: Gathered, scanner: Scanner, settings: ScannerSettings | None) -> str:
    """Why no new scan is due; empty where one is."""
    now = datetime.now(UTC)
    last = next((scan for scan in scans_of(gathered, now).scans if scan.scanner == scanner.uri), None)
    if settings is None or last is None or now - last.finished_at >= settings.every:
        return ""
    return (
        f"scanned at {last.finished_at:%Y-%m-%d %H:%M} UTC, less than {format_duration(settings.every)} ago: {_summary(last)}"
    )


def _summary(scan: Scan) -> str:
    counts = {severity: sum(finding.severity is severity for finding in scan.findings) for severity in Severity}
    return ", ".join(f"{count} {severity}" for severity, count in counts.items() if count) or "nothing was found"
