"""Scans: images looked at for known vulnerabilities, by the scanner that the operator's settings name."""

from __future__ import annotations

from pratique.bootstrap import clients
from pratique.pipeline.scanning import scan_release
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_SCANNING
from tasks._step import step, tell


async def scan_images(stored: StoredRelease) -> StoredRelease:
    """The release, a scan that is young enough stored beside each of its images; where no scanner is named, that is said."""
    return _scan(stored) if clients().settings.scanner is None else await scan(stored)


@step("scan the images", RETRY_SCANNING)
def scan(stored: StoredRelease) -> StoredRelease:
    """The release, once its images are scanned."""
    return _scan(stored)


def _scan(stored: StoredRelease) -> StoredRelease:
    for line in scan_release(clients(), stored):
        tell(line)
    return stored
