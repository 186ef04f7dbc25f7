"""Grants, signed and stored beside their release, each naming those that it follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pratique.bootstrap import Clients
from pratique.clients.ports import EvidenceSigner, Registry
from pratique.clients.sigstore.gather import gather_one
from pratique.decisions.chain import Chain, chain_of, grant_statement
from pratique.decisions.granting import Earned, Signed, next_grant
from pratique.decisions.proving import supported_in
from pratique.decisions.summaries import check_results, verification_summary
from pratique.errors import Refused
from pratique.pipeline.proving import look, recorded_grants, trust_of
from pratique.values.digest import Digest, digest_of
from pratique.values.evidence import Statement
from pratique.values.grant import GrantEvidence
from pratique.values.passage import Passage
from pratique.values.release import StoredRelease
from pratique.values.trust import Trusted


def read_chain(clients: Clients, stored: StoredRelease, trusted: Sequence[Trusted]) -> Chain:
    """The release's chain, as far as those signers made it."""
    with clients.registry() as registry:
        gathered = gather_one(registry, clients.verifier(), stored.reference, trusted)
    return chain_of(stored, gathered, datetime.now(UTC))


def sign_grant(clients: Clients, passage: Passage, earned: Earned) -> GrantEvidence:
    """The grant of the release's place, signed; one that this very promotion has signed already is kept.

    Beside it what it rests on is signed: what the gates came to, and what the checks found.
    """
    stored, environment = passage.stored, passage.environment
    with clients.registry() as registry:
        seen = look(registry, clients.verifier(), stored, trust_of(clients, stored), infrastructure=False)
    for known in seen.chain_in(environment.name).history:
        if (known.grant.promotion, known.grant.fence) == (passage.promotion.id, passage.lease.fence):
            return GrantEvidence(bundle=known.bundle, at=known.grant.granted_at)
    # What the gates took for granted is what is linked to.
    recorded = recorded_grants(clients, stored, (*environment.after, environment.name))
    chain = supported_in(seen, environment.name, recorded).chain
    with clients.registry() as registry, clients.signer() as signer:
        now = datetime.now(UTC)
        attach = _Attaching(clients, registry, signer, passage, now)
        verdict = attach(verification_summary(stored, environment, earned.judged))
        results = attach(check_results(stored, environment, earned.checks)) if earned.checks else None
        grant = next_grant(chain, passage, earned, Signed(verdict=verdict, results=results), now)
        return GrantEvidence(bundle=attach(grant_statement(stored, grant)), at=grant.granted_at)


class _Attaching:
    """Signs statements about the passage's release and attaches them, where the environment would count them."""

    def __init__(self, clients: Clients, registry: Registry, signer: EvidenceSigner, passage: Passage, at: datetime) -> None:
        self._clients, self._registry, self._signer = clients, registry, signer
        self._passage, self._at = passage, at

    def __call__(self, statement: Statement) -> Digest:
        bundle = self._signer.sign(statement)
        name = self._passage.environment.name
        try:
            self._clients.verifier().verify(bundle, self._clients.place(name).trust)
        except Refused as no:
            remedy = f"add this pipeline's own signer to environments.{name}.trust"
            raise Refused(f"{name} would not count what this pipeline signs: {remedy}", *no.reasons) from None
        reference = self._passage.stored.reference
        self._registry.attach(reference.repository, reference.digest, bundle, statement.predicate_type, self._at)
        return digest_of(bundle)
