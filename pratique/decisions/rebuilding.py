"""A ledger's past, told by signed evidence alone.

    rebuilt = rebuilt_from(found, trusted, origins, now)

Releases come in the order in which they were made: by when the last of their images was built, as the provenance says; of two
that are alike in that the earlier commit comes first, then the lower digest. A provenance that does not verify dates nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain as joined
from operator import attrgetter

from pydantic import TypeAdapter, ValidationError

from pratique.decisions.chain import SignedGrant, chain_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.genuine import is_genuine
from pratique.decisions.rulings import rulings_of
from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.evidence import PROVENANCE_PREDICATE, Statement
from pratique.values.names import Name
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.rebuilt import Fence, Rebuilt
from pratique.values.release import StoredRelease
from pratique.values.ruling import SignedRuling
from pratique.values.trust import Trusted

_MOMENT: TypeAdapter[datetime] = TypeAdapter(datetime)


class Found(Value):
    """A release of the registry, with what is attached to it."""

    stored: StoredRelease
    evidence: tuple[Gathered, ...]
    """Of the release and of each of its images, verified against everybody whom any environment trusts; the release first."""
    own: dict[Name, Gathered]
    """Of the release, verified against whom each environment trusts itself; only its grants of its own place count."""


def rebuilt_from(
    found: Iterable[Found], trusted: Sequence[Trusted], origins: Mapping[str, str] | None, now: datetime
) -> Rebuilt:
    """Everything that counts, in its order; and of what does not, why."""
    left_out: list[str] = []
    genuine: list[Found] = []
    for one in found:
        decision = is_genuine(one.stored, one.evidence, trusted, origins, now)
        if decision.allowed:
            genuine.append(one)
        else:
            left_out += [f"release {one.stored.label}: {reason}" for reason in decision.reasons]
    places: defaultdict[tuple[str, str], list[SignedGrant]] = defaultdict(list)
    rulings: list[SignedRuling] = []
    for one in genuine:
        for signed in grants_of(one, now):
            places[signed.grant.service, signed.grant.environment].append(signed)
        ruled = rulings_of(one.stored, one.evidence[0], now)
        rulings += ruled.counted
        left_out += [*_uncounted(one, now), *ruled.faults]
    promotions = []
    for grants in places.values():
        told, passed_over = _told_to_a_ledger(grants)
        promotions += [_promotion(signed) for signed in told]
        left_out += passed_over
    return Rebuilt(
        releases=tuple(one.stored for one in sorted(genuine, key=_when_made)),
        promotions=tuple(sorted(promotions, key=attrgetter("started_at", "fence", "id"))),
        rulings=tuple(sorted(rulings, key=lambda signed: (signed.ruling.made_at, signed.bundle))),
        fences=tuple(_fence(place, grants) for place, grants in sorted(places.items())),
        left_out=tuple(left_out),
    )


def grants_of(found: Found, now: datetime) -> tuple[SignedGrant, ...]:
    """The grants of the release that count in the environments that they name."""
    chains = ((name, chain_of(found.stored, gathered, now)) for name, gathered in found.own.items())
    return tuple(
        joined.from_iterable((one for one in chain.history if one.grant.environment == name) for name, chain in chains)
    )


def made_at(found: Found) -> datetime:
    """When the last of its images was built; where nobody says so, when it was committed."""
    built = [time for image in found.evidence[1:] if (time := _built_at(image)) is not None]
    return max(built, default=found.stored.release.commit.committed_at)


def _when_made(found: Found) -> tuple[datetime, datetime, str]:
    return made_at(found), found.stored.release.commit.committed_at, found.stored.digest


def _built_at(image: Gathered) -> datetime | None:
    """The first time that it was built: an image that is built again to the same digest was there already."""
    times = map(_finished_on, image.statements(PROVENANCE_PREDICATE))
    return min((time for time in times if time is not None), default=None)


def _finished_on(provenance: Statement) -> datetime | None:
    try:
        time = _MOMENT.validate_python(provenance.predicate["runDetails"]["metadata"]["finishedOn"])
    except (KeyError, TypeError, ValidationError):
        return None
    return time if time.tzinfo is not None else None


def _told_to_a_ledger(grants: Sequence[SignedGrant]) -> tuple[list[SignedGrant], list[str]]:
    """Those of one place that a ledger was told of, and of the others why not.

    Each grant names the one that the ledger had before it. What lies between those two was signed by a promotion that was
    killed before it could tell the ledger. Of the last one nobody can say that, so it is taken as told.
    """
    told: list[SignedGrant] = []
    passed_over: list[str] = []
    known = {signed.bundle for signed in grants}
    awaited: Digest | None = None
    for signed in sorted(grants, key=lambda signed: (signed.grant.fence, signed.grant.granted_at), reverse=True):
        if awaited in known and signed.bundle != awaited:
            passed_over.append(f"{_named(signed)}: the next one does not replace it, so no ledger was told of it")
        elif any(signed.grant.promotion == later.grant.promotion for later in told):
            passed_over.append(f"{_named(signed)}: its promotion was granted again, under a higher fence")
        else:
            told.append(signed)
            awaited = signed.grant.replaces
    return told, passed_over


def _uncounted(found: Found, now: datetime) -> list[str]:
    """Why what looks like a grant of the release is none, or none that its environment would count."""
    whole = chain_of(found.stored, found.evidence[0], now)
    own = {signed.bundle for signed in grants_of(found, now)}
    why = "its environment does not trust who signed it, or what it follows"
    rejected = len(found.evidence[0].rejected)
    strange = f"{found.stored.label}: {rejected} of what is attached to it is signed by nobody whom the settings trust"
    untrusted = (f"{_named(signed)}: {why}" for signed in whole.history if signed.bundle not in own)
    return [*whole.faults, *untrusted, *([strange] if rejected else [])]


def _promotion(signed: SignedGrant) -> Promotion:
    grant = signed.grant
    return Promotion(
        id=grant.promotion,
        kind=grant.kind,
        service=grant.service,
        environment=grant.environment,
        release=grant.release,
        commit=grant.commit,
        requested_by=grant.requested_by,
        state=PromotionState.GRANTED,
        reason=grant.reason,
        fence=grant.fence,
        started_at=grant.began_at or grant.granted_at,
        finished_at=grant.granted_at,
        address=grant.address,
        run_url=grant.run,
        evidence=signed.bundle,
    )


def _fence(place: tuple[str, str], grants: Sequence[SignedGrant]) -> Fence:
    return Fence(service=place[0], environment=place[1], highest=max(signed.grant.fence for signed in grants))


def _named(signed: SignedGrant) -> str:
    return f"grant {signed.bundle[7:19]} of {signed.grant.commit[:12]} in {signed.grant.environment!r}"
