"""Vulnerability scanners that the operator has, run on a bill of materials."""

from pratique.clients.scanners.grype import Grype
from pratique.clients.scanners.osv_scanner import OsvScanner

__all__ = ["Grype", "OsvScanner"]
