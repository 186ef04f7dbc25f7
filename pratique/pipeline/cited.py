"""Evidence that something else names by digest: read from the registry, and verified."""

from __future__ import annotations

from collections.abc import Sequence

from pratique.clients.ports import EvidenceVerifier, Registry
from pratique.decisions.chain import SignedGrant, grant_in
from pratique.errors import Refused
from pratique.values.digest import Digest
from pratique.values.evidence import VerifiedStatement
from pratique.values.grant import GRANT_PREDICATE
from pratique.values.release import release_repository
from pratique.values.trust import Trusted


def cited(
    registry: Registry, verifier: EvidenceVerifier, service: str, bundle: Digest, trusted: Sequence[Trusted]
) -> VerifiedStatement:
    """The statement beside a service's releases; refused where it is not there, or signed by nobody who is trusted."""
    return verifier.verify(registry.blob(release_repository(service), bundle), trusted)


def cited_grant(
    registry: Registry, verifier: EvidenceVerifier, service: str, bundle: Digest, trusted: Sequence[Trusted]
) -> SignedGrant:
    """As `cited`, refused where it is no grant."""
    return as_grant(cited(registry, verifier, service, bundle, trusted))


def as_grant(found: VerifiedStatement) -> SignedGrant:
    """The statement as a grant; refused where it is none."""
    signed, problem = grant_in(found) if found.statement.predicate_type == GRANT_PREDICATE else (None, "it is no grant")
    if signed is None:
        raise Refused(f"bundle {found.bundle}: {problem}")
    return signed
