"""Sigstore: evidence signed with a key or an identity, verified offline, and kept beside what it speaks of."""

from __future__ import annotations

from pratique.clients.sigstore.key_signer import KeyEvidenceSigner
from pratique.clients.sigstore.keyless_signer import KeylessEvidenceSigner
from pratique.clients.sigstore.tokens import ambient_token
from pratique.clients.sigstore.verifier import OfflineEvidenceVerifier

__all__ = ["KeyEvidenceSigner", "KeylessEvidenceSigner", "OfflineEvidenceVerifier", "ambient_token"]
