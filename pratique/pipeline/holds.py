"""Holds of an environment: which there are, as the ledger has them, and what has lifted them, as signatures prove it."""

from __future__ import annotations

from pratique.bootstrap import Clients
from pratique.clients.ports import Registry
from pratique.clients.sigstore.gather import ruling_in
from pratique.errors import Refused
from pratique.pipeline.rulers import rulers
from pratique.values.release import release_repository
from pratique.values.ruling import RULINGS, Hold, Lift, SignedRuling

REMEMBERED = 500
"""So many holds and lifts of an environment are looked at, the newest."""


def holds_in(clients: Clients, service: str, environment: str) -> tuple[SignedRuling, ...]:
    """The holds of the environment, and the signed rulings by which people have lifted them.

    That there is a hold is believed of the ledger; that it is lifted, of a person's signature alone.
    """
    with clients.ledger() as ledger:
        known = ledger.rulings(service, environment, REMEMBERED, kinds=("hold", "lift"))
    holds = [signed for signed in known if isinstance(signed.ruling, Hold)]
    lifts = [signed for signed in known if isinstance(signed.ruling, Lift)]
    if not lifts:
        return tuple(holds)
    with clients.registry() as registry:
        return (*holds, *(signed for signed in lifts if _is_signed(clients, registry, signed)))


def _is_signed(clients: Clients, registry: Registry, signed: SignedRuling) -> bool:
    """Whether the registry holds this very ruling, signed by a person."""
    ruling = signed.ruling
    try:
        bundle = registry.blob(release_repository(ruling.service), signed.bundle)
    except Refused:
        return False
    found = ruling_in(clients.verifier(), bundle, rulers(clients))
    return (
        found is not None
        and bool(found.by)
        and found.statement.speaks_of(ruling.release)
        and found.statement.predicate == RULINGS.dump_python(ruling, mode="json")
    )
