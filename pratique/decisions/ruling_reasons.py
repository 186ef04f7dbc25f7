"""Whether the rulings that a grant names are the people's word that it rests on: there, about the same, in time, and enough."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from pratique.decisions.authors import is_author
from pratique.decisions.rulings import Rulings
from pratique.values.commit import Commit
from pratique.values.digest import Digest
from pratique.values.grant import Approval, Grant
from pratique.values.people import People
from pratique.values.requirements import Approvals, Exceptions
from pratique.values.ruling import Approve, Except, Reject, SignedRuling

SIGNATURES_OF_AN_EXCEPTION = 2
GATE_OF_APPROVALS = "approvals"
CLOCKS = timedelta(minutes=5)
"""By how much the clocks of two machines may differ; as the policies have it."""


def approval_reasons(named: Approval, signed: SignedRuling, grant: Grant) -> list[str]:
    """Every reason why the ruling is not the approval that the grant names; none means it is."""
    ruling = signed.ruling
    if not isinstance(ruling, Approve):
        return [f"it is no approval, but a ruling to {ruling.kind}"]
    is_click = bool(ruling.clicked_by)
    wrong = {
        f"it is about {ruling.environment}": ruling.environment != grant.environment,
        f"it is about the plan {ruling.plan}, and {grant.plan} was carried out": ruling.plan != grant.plan,
        f"it was given under the policy {ruling.policy}, the grant under {grant.policy}": ruling.policy != grant.policy,
        f"it is {ruling.clicked_by or signed.by}'s, not {named.by}'s": (ruling.clicked_by or signed.by) != named.by,
        "it is a click, which the grant takes for a signature": is_click and not named.is_click,
        "it is a signature, which the grant takes for a click": named.is_click and not is_click,
        "it is later than the grant": ruling.made_at > grant.granted_at + CLOCKS,
    }
    return [reason for reason, is_wrong in wrong.items() if is_wrong]


def exception_reasons(signed: SignedRuling, grant: Grant) -> list[str]:
    """Every reason why the ruling is no exception by which a gate could be passed over for this grant; none means it is."""
    ruling = signed.ruling
    if not isinstance(ruling, Except):
        return [f"it is no exception, but a ruling to {ruling.kind}"]
    wrong = {
        f"it is about {ruling.environment}": ruling.environment != grant.environment,
        "it is later than the grant": ruling.made_at > grant.granted_at + CLOCKS,
        f"it had expired at {ruling.expires_at:%Y-%m-%d %H:%M} UTC, before the grant": ruling.expires_at <= grant.granted_at,
    }
    return [reason for reason, is_wrong in wrong.items() if is_wrong]


def why_not_counted(signed: SignedRuling, grant: Grant, rulings: Rulings) -> str:
    """Why an approval that is what the grant names did not count at its time; empty where nothing is known against it."""
    ruling = signed.ruling
    if isinstance(ruling, Approve) and ruling.expires_at is not None and ruling.expires_at <= grant.granted_at:
        return f"it had expired at {ruling.expires_at:%Y-%m-%d %H:%M} UTC"
    withdrawn = any(other.by == signed.by and ruling.made_at <= other.ruling.made_at for other in _rejections(grant, rulings))
    return f"{signed.by or 'the same'} rejected it afterwards" if withdrawn else ""


def too_few(
    side: str,
    asked: Approvals,
    approvals: Sequence[tuple[Approval, SignedRuling]],
    grant: Grant,
    *,
    rulings: Rulings,
    people: People,
    commit: Commit,
) -> list[str]:
    """What is wrong where fewer distinct people have approved than were to, or one of them had rejected the plan.

    `approvals` are those that are what they seem.
    """
    may = people.named(asked.from_)
    counted = {
        named.by
        for named, signed in approvals
        if named.by in may
        and (asked.clicks if named.is_click else not (asked.not_author and is_author(people.persons[named.by], commit)))
        and signed.ruling.made_at + asked.expires > grant.granted_at
    }
    # A later word of the same person takes an earlier one back.
    objecting = sorted({one.by for one in _rejections(grant, rulings)} & may - {named.by for named, _ in approvals})
    wrong = [f"{one} had rejected the plan, and {side} asks for approvals" for one in objecting]
    if len(counted) < asked.required:
        whom = ", ".join(asked.from_)
        wrong.append(f"{side} asks for {asked.required} approvals by {whom}, and {len(counted)} that count are named")
    return wrong


def _rejections(grant: Grant, rulings: Rulings) -> list[SignedRuling]:
    """Who had rejected the grant's plan before it was granted."""
    return [
        one
        for one in rulings.counted
        if isinstance(one.ruling, Reject)
        and (one.ruling.environment, one.ruling.plan) == (grant.environment, grant.plan)
        and one.ruling.made_at <= grant.granted_at
    ]


def unpaired(exceptions: Sequence[SignedRuling], allowed: Exceptions | None, people: People) -> list[str]:
    """What is wrong where an exception does not have the word of two people, who may, for no longer than they may.

    `allowed` is None where it is not known any more who might: then two people whom the settings know have to do.
    """
    same: defaultdict[tuple[object, ...], list[tuple[SignedRuling, Except]]] = defaultdict(list)
    for signed in exceptions:
        ruling = signed.ruling
        if isinstance(ruling, Except):
            same[ruling.gate, ruling.finding, ruling.reason, ruling.expires_at].append((signed, ruling))
    wrong: list[str] = []
    for copies in same.values():
        first = copies[0][1]
        signers = {signed.by for signed, _ in copies}
        what = f"the exception from {first.gate} {first.finding}".rstrip()
        if allowed is not None:
            signers &= people.named(allowed.from_)
            if first.expires_at - first.made_at > allowed.longest:
                wrong.append(f"{what} lasts longer than any may")
        if len(signers) < SIGNATURES_OF_AN_EXCEPTION:
            wrong.append(f"{what} has the word of {', '.join(sorted(signers)) or 'nobody who may'} alone: two people sign one")
    return wrong


def is_excepted(exceptions: Sequence[SignedRuling]) -> bool:
    """Whether people were passed over themselves."""
    return any(isinstance(one.ruling, Except) and one.ruling.gate == GATE_OF_APPROVALS for one in exceptions)


def named_bundles(grant: Grant) -> tuple[Digest, ...]:
    """The bundles of people's words that the grant names."""
    return (*(one.bundle for one in grant.approvals), *grant.exceptions)
