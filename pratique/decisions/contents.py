"""What an image consists of and what is wrong with that, as policies are told it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from pratique.decisions.bill_of_materials import bill_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.findings import scans_of
from pratique.values.scan import Scan


class Contents(TypedDict):
    """The fields of the same names of `SubjectFacts`."""

    bill: dict[str, Any] | None
    scans: tuple[dict[str, Any], ...]
    faults: tuple[str, ...]


def contents_of(gathered: Gathered, now: datetime) -> Contents:
    """What the verified statements about an image say of it; its bill is None where none of them can be read."""
    bill, scans = bill_of(gathered), scans_of(gathered, now)
    return Contents(
        bill={"components": [component.model_dump(mode="json") for component in bill.components]} if bill.documents else None,
        scans=tuple(_told(scan) for scan in scans.scans),
        faults=(*bill.faults, *scans.faults),
    )


def _told(scan: Scan) -> dict[str, Any]:
    """Moments as whole seconds, as everywhere in the document that policies read."""
    updated = scan.database.updated_at
    return {
        "scanner": scan.scanner,
        "version": scan.version,
        "database_updated_at": None if updated is None else int(updated.timestamp()),
        "finished_at": int(scan.finished_at.timestamp()),
        "findings": [finding.model_dump(mode="json") for finding in scan.findings],
    }
