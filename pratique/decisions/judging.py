"""The verdict of everything: the floor that no policy can loosen, and what each gate says."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pratique.decisions.gates import decide_floor, everything_is_signed
from pratique.decisions.situation import Situation
from pratique.decisions.verdict import verdict_of
from pratique.values.decision import all_of
from pratique.values.facts import ApprovalFacts, ApprovalsFacts, Facts
from pratique.values.gate import GateVerdict
from pratique.values.judged import Judged

APPROVALS = "approvals"
"""The gate that asks people."""

SIGNED = "signed"
"""The gate that asks who of the trusted has signed."""


def judged_of(situation: Situation, facts: Facts, gates: Sequence[GateVerdict], expected: Collection[str]) -> Judged:
    """Whether the release may come in, or stay, with every reason; `expected` are the gates that have to say something."""
    floor = decide_floor(situation)
    # Where nobody has signed, the floor has said so, and who of nobody it was needs no second word.
    silent = set() if everything_is_signed(situation).allowed else {SIGNED}
    heard = [one for one in gates if one.gate not in silent]
    verdict = verdict_of(heard, facts.exceptions, set(expected) - silent)
    others = [one for one in heard if one.gate != APPROVALS]
    besides = verdict_of(others, facts.exceptions, set(expected) - silent - {APPROVALS})
    evidence = situation.evidence
    asking = [gate.approvals for gate in facts.gates if gate.approvals is not None]
    return Judged(
        decision=all_of([floor, verdict.decision]),
        besides_approval=all_of([floor, besides.decision]),
        excepted=verdict.excepted,
        policy=situation.policy,
        looked_at=tuple(dict.fromkeys(found.bundle for one in evidence for found in (*one.verified, *one.ruled))),
        approvals=tuple(one for one in facts.approvals if any(_counts(one, asked, facts) for asked in asking)),
        at=situation.now,
    )


def _counts(approval: ApprovalFacts, asked: ApprovalsFacts, facts: Facts) -> bool:
    """As `policies/approvals.rego` counts: what a grant names as its approvals is what let it in."""
    if facts.plan is None:
        return False
    wanted = ("approve", facts.plan.digest, facts.policy)
    ends = min(approval.made_at + asked.expires, approval.expires_at or approval.made_at + asked.expires)
    return (
        (approval.kind, approval.plan, approval.policy) == wanted
        and approval.by in asked.people
        and not (approval.is_click and not asked.clicks)
        and not (approval.is_author and asked.not_author)
        and ends > facts.now
    )
