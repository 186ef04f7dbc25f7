"""What rulings come to for one environment: approvals, exceptions, revocations, holds."""

from __future__ import annotations

from collections import defaultdict

from pratique.decisions.authors import is_author
from pratique.decisions.situation import Situation
from pratique.values.facts import ApprovalFacts, ExceptionFacts, HoldFacts, RevocationFacts
from pratique.values.ruling import Approve, Except, Hold, Lift, Reject, Revoke, SignedRuling

SIGNATURES_OF_AN_EXCEPTION = 2


def approvals_of(situation: Situation) -> tuple[ApprovalFacts, ...]:
    """The newest word of each person on a plan in the environment, and of each who clicked."""
    persons = situation.people.persons
    newest: dict[tuple[str, bool], ApprovalFacts] = {}
    for signed in situation.rulings.counted:
        ruling = signed.ruling
        if not isinstance(ruling, Approve | Reject) or ruling.environment != situation.environment.name:
            continue
        is_click = bool(ruling.clicked_by)
        by = ruling.clicked_by or signed.by
        expires_at = ruling.expires_at if isinstance(ruling, Approve) else None
        newest[by, is_click] = ApprovalFacts(
            kind=ruling.kind,
            by=by,
            is_click=is_click,
            is_author=by in persons and is_author(persons[by], situation.stored.release.commit),
            plan=ruling.plan,
            policy=ruling.policy,
            made_at=int(ruling.made_at.timestamp()),
            expires_at=None if expires_at is None else int(expires_at.timestamp()),
            reason=ruling.reason,
            bundle=signed.bundle,
        )
    return tuple(newest.values())


def exceptions_of(situation: Situation) -> tuple[ExceptionFacts, ...]:
    """Those that enough people have signed word for word, who may, for no longer than they may, and that are not over."""
    allowed = situation.exceptions
    if allowed is None:
        return ()
    may = situation.people.named(allowed.from_)
    same: defaultdict[tuple[object, ...], list[tuple[SignedRuling, Except]]] = defaultdict(list)
    for signed in situation.rulings.counted:
        ruling = signed.ruling
        if isinstance(ruling, Except) and ruling.environment == situation.environment.name and signed.by in may:
            same[ruling.gate, ruling.finding, ruling.reason, ruling.expires_at].append((signed, ruling))
    found = []
    for copies in same.values():
        people = tuple(sorted({signed.by for signed, _ in copies}))
        first = copies[0][1]
        lasts = first.expires_at - first.made_at
        if len(people) < SIGNATURES_OF_AN_EXCEPTION or lasts > allowed.longest or first.expires_at <= situation.now:
            continue
        found.append(
            ExceptionFacts(
                gate=first.gate,
                finding=first.finding,
                by=people,
                reason=first.reason,
                expires_at=int(first.expires_at.timestamp()),
                bundles=tuple(signed.bundle for signed, _ in copies),
            )
        )
    return tuple(found)


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
