"""The environments of services on record: in the order in which a release comes through them, and since when they hold it."""

from __future__ import annotations

from datetime import datetime

from pratique.clients.ports import Ledger
from pratique.errors import Refused
from pratique.values.promotion import Promotion, PromotionState

LOOKED_BACK = 50
"""So many promotions of an environment, the newest, are looked at for the one since which it holds its release."""


def upstream_first(ledger: Ledger, service: str | None = None) -> list[tuple[str, str]]:
    """Service and environment of each on record, in the order in which the service's newest release comes through them."""
    order: dict[tuple[str, str], int] = {}
    places = ledger.environments(service)
    for name in {name for name, _ in places}:
        for stored in ledger.releases(name, limit=1):
            ahead = [place for generation in stored.release.manifest.generations for place in generation]
            order |= {(name, place): number for number, place in enumerate(ahead)}
    # An environment that the newest release no longer knows comes last.
    return sorted(places, key=lambda place: (place[0], order.get(place, len(order)), place[1]))


def holds_since(ledger: Ledger, held: Promotion) -> datetime | None:
    """When the environment came to the release that it holds; what was granted since without a change does not count."""
    since = held.finished_at
    for earlier in ledger.history(held.service, held.environment, LOOKED_BACK):
        if earlier.state is not PromotionState.GRANTED:
            continue
        if earlier.release != held.release:
            break
        since = earlier.finished_at
    return since


def require_known(ledger: Ledger, service: str | None, environment: str | None = None) -> None:
    """Refuse a service, or an environment of it, that has no promotion on record where others have; name those that have."""
    places = ledger.environments()
    if service is None or not places:
        return
    known = sorted({name for name, _ in places})
    if service not in known:
        raise Refused(f"no promotion of a service {service!r} is on record, only of {', '.join(known)}")
    of_it = [place for name, place in upstream_first(ledger, service)]
    if environment is not None and environment not in of_it:
        raise Refused(f"no promotion of {service!r} into {environment!r} is on record, only into {', '.join(of_it)}")
