"""Grants, signed and stored beside their release, each naming those that it follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pratique.bootstrap import Clients
from pratique.clients.sigstore.gather import gather_one
from pratique.decisions.chain import Chain, chain_of, grant_statement
from pratique.decisions.granting import Earned, next_grant
from pratique.decisions.policy import policy_digest
from pratique.errors import Refused
from pratique.values.digest import Digest, digest_of
from pratique.values.grant import GRANT_PREDICATE
from pratique.values.passage import Passage
from pratique.values.release import StoredRelease
from pratique.values.trust import Trusted


def read_chain(clients: Clients, stored: StoredRelease, trusted: Sequence[Trusted]) -> Chain:
    """The release's chain, as far as those signers made it."""
    with clients.registry() as registry:
        gathered = gather_one(registry, clients.verifier(), stored.reference, trusted)
    return chain_of(stored, gathered, datetime.now(UTC))


def sign_grant(clients: Clients, passage: Passage, earned: Earned) -> Digest:
    """The digest of the bundle that grants the release its place; one that this very promotion has signed already is kept."""
    trusted = clients.place(passage.environment.name).trust
    chain = read_chain(clients, passage.stored, trusted)
    for signed in chain.history:
        if (signed.grant.promotion, signed.grant.fence) == (passage.promotion.id, passage.lease.fence):
            return signed.bundle
    policy = policy_digest(passage.environment, trusted, clients.origins)
    grant = next_grant(chain, passage, earned, policy, datetime.now(UTC))
    with clients.registry() as registry, clients.signer() as signer:
        bundle = signer.sign(grant_statement(passage.stored, grant))
        _require_trust(clients, passage, bundle, trusted)
        reference = passage.stored.reference
        registry.attach(reference.repository, reference.digest, bundle, GRANT_PREDICATE, grant.granted_at)
    return digest_of(bundle)


def _require_trust(clients: Clients, passage: Passage, bundle: bytes, trusted: Sequence[Trusted]) -> None:
    try:
        clients.verifier().verify(bundle, trusted)
    except Refused as no:
        name = passage.environment.name
        remedy = f"add this pipeline's own signer to environments.{name}.trust"
        raise Refused(f"{name} would not count the grant that this pipeline signs: {remedy}", *no.reasons) from None
