"""Scans: images looked at for known vulnerabilities, by the scanner that the operator's settings name."""

from __future__ import annotations

from pratique.bootstrap import clients
from pratique.pipeline.scanning import scan_release
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_SCANNING
from tasks._step import step, tell


@step("scan the images", RETRY_SCANNING)
def scan_images(stored: StoredRelease) -> StoredRelease:
    """The release, a scan that is young enough stored beside each of its images, if the settings name a scanner."""
    for line in scan_release(clients(), stored):
        tell(line)
    return stored
