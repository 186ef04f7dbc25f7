"""Rulings, signed and stored: by a person with their own key or identity, by the pipeline with its own."""

from __future__ import annotations

from pratique.bootstrap import Clients
from pratique.clients.ports import EvidenceSigner
from pratique.clients.sigstore.gather import gather_one, ruling_in
from pratique.decisions.rulings import ruling_statement, rulings_of
from pratique.errors import Refused
from pratique.pipeline.rulers import rulers
from pratique.values.release import StoredRelease
from pratique.values.ruling import RULING_PREDICATE, Ruling, SignedRuling


def sign_by_person(clients: Clients, stored: StoredRelease, ruling: Ruling, signer: EvidenceSigner) -> SignedRuling:
    """The ruling, signed and on record; refused before anything is stored where the signer is nobody of the settings."""
    bundle = signer.sign(ruling_statement(stored, ruling))
    found = ruling_in(clients.verifier(), bundle, rulers(clients))
    if found is None or not found.by:
        known = ", ".join(sorted(clients.people.persons)) or "nobody"
        raise Refused(f"whoever signs with this is no person of the settings, which know {known}: add yourself under [people]")
    return _keep(clients, stored, ruling, bundle, found.by)


def sign_by_pipeline(clients: Clients, stored: StoredRelease, ruling: Ruling) -> SignedRuling:
    """As `sign_by_person`, by the pipeline itself; the very same ruling is not signed twice."""
    with clients.registry() as registry:
        gathered = gather_one(registry, clients.verifier(), stored.reference, (), rulers(clients))
    for signed in rulings_of(stored, gathered, ruling.made_at).counted:
        if signed.ruling == ruling and not signed.by:
            return _on_record(clients, signed)
    with clients.signer() as signer:
        bundle = signer.sign(ruling_statement(stored, ruling))
    return _keep(clients, stored, ruling, bundle, by="")


def _keep(clients: Clients, stored: StoredRelease, ruling: Ruling, bundle: bytes, by: str) -> SignedRuling:
    found = ruling_in(clients.verifier(), bundle, rulers(clients))
    if found is None or found.by != by:
        raise Refused("no environment would count this ruling: add this pipeline's own signer to the trust of its environments")
    reference = stored.reference
    with clients.registry() as registry:
        registry.attach(reference.repository, reference.digest, bundle, RULING_PREDICATE, ruling.made_at)
    return _on_record(clients, SignedRuling(ruling=ruling, by=by, signer=found.signer, bundle=found.bundle))


def _on_record(clients: Clients, signed: SignedRuling) -> SignedRuling:
    with clients.ledger() as ledger:
        ledger.record_ruling(signed)
    return signed
