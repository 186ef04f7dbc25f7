"""Signing and verifying."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pratique.values.evidence import Statement, VerifiedStatement
from pratique.values.trust import Trusted


class EvidenceSigner(Protocol):
    """Signs statements."""

    def sign(self, statement: Statement) -> bytes:
        """A Sigstore bundle v0.3 (JSON) holding the statement in a DSSE envelope."""
        ...


class EvidenceVerifier(Protocol):
    """Verifies bundles, offline."""

    def verify(self, bundle: bytes, trusted: Sequence[Trusted]) -> VerifiedStatement:
        """The statement, once one of `trusted` is found to have signed it; no trusted signer at all is refused."""
        ...
