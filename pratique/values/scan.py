"""A vulnerability scan: what one scanner found in an image, as plain as a policy can read it.

Formats it is read from: in-toto `vulns` v0.1 and v0.2 (github.com/in-toto/attestation, spec/predicates/vulns.md and
vulns_02.md), and cosign's vulnerability scan record (github.com/sigstore/cosign, specs/COSIGN_VULN_ATTESTATION_SPEC.md).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import AwareDatetime, Field

from pratique.values._base import Value

SCAN_PREDICATE: Final = "https://in-toto.io/attestation/vulns/v0.2"
SCAN_PREDICATES: Final = (
    SCAN_PREDICATE,
    "https://in-toto.io/attestation/vulns/v0.1",
    "https://cosign.sigstore.dev/attestation/vuln/v1",
)
"""Every kind of statement that a scan is read from."""


class Severity(StrEnum):
    """How bad a finding is, worst first; `unknown` is no harmless one."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEGLIGIBLE = "negligible"
    UNKNOWN = "unknown"


class Finding(Value):
    """One vulnerability in one package."""

    id: str = Field(min_length=1)
    severity: Severity
    aliases: tuple[str, ...] = ()
    """Other names of the same vulnerability, such as its CVE where `id` is a GHSA, sorted."""
    package: str = ""
    version: str = ""
    fixed_in: str = ""
    """The version that has it no more; empty where none is known."""


class Database(Value):
    """The vulnerabilities that a scanner knew of."""

    uri: str = ""
    version: str = ""
    updated_at: AwareDatetime | None = None


class Scan(Value):
    """What one scanner found, once."""

    scanner: str = Field(min_length=1)
    """The scanner's URI without its version: `pkg:github/anchore/grype`."""
    version: str = ""
    database: Database = Database()
    started_at: AwareDatetime
    finished_at: AwareDatetime
    findings: tuple[Finding, ...] = ()
    """By package, version and id."""


class Scans(Value):
    """What is known of the vulnerabilities of one image."""

    scans: tuple[Scan, ...] = ()
    """The newest by each scanner, by the scanner's URI. None means that nobody has looked, not that nothing was found."""
    faults: tuple[str, ...] = ()
    """For each scan that does not count: which one, and why."""
