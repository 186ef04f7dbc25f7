"""What rulings that are nobody's yes or no come to for one environment: revocations and holds."""

from __future__ import annotations

from pratique.decisions.situation import Situation
from pratique.values.facts import HoldFacts, RevocationFacts
from pratique.values.ruling import Hold, Lift, Revoke


def revocations_of(situation: Situation) -> tuple[RevocationFacts, ...]:
    """Every one; there is no taking back, only an exception."""
    return tuple(
        RevocationFacts(
            by=signed.by or "the pipeline",
            made_at=int(signed.ruling.made_at.timestamp()),
            reason=signed.ruling.reason,
            bundle=signed.bundle,
        )
        for signed in situation.rulings.counted
        if isinstance(signed.ruling, Revoke)
    )


def holds_of(situation: Situation) -> tuple[HoldFacts, ...]:
    """Those of the environment: after other releases as the ledger has them, after this one as its own evidence has them."""
    here = situation.environment.name
    known = {signed.bundle: signed for signed in (*situation.holds, *situation.rulings.counted)}.values()
    lifted = {signed.ruling.hold for signed in known if isinstance(signed.ruling, Lift) and signed.ruling.environment == here}
    return tuple(
        HoldFacts(
            release=signed.ruling.release,
            commit=signed.ruling.commit,
            made_at=int(signed.ruling.made_at.timestamp()),
            reason=signed.ruling.reason,
            bundle=signed.bundle,
            lifted=signed.bundle in lifted,
        )
        for signed in known
        if isinstance(signed.ruling, Hold) and signed.ruling.environment == here
    )
