"""The verdict of everything: the floor that no policy can loosen, and what each gate says."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pratique.decisions.counted import APPROVALS, tally
from pratique.decisions.gates import decide_floor, everything_is_signed
from pratique.decisions.situation import Situation
from pratique.decisions.verdict import verdict_of
from pratique.values.decision import all_of
from pratique.values.facts import ApprovalFacts, Facts
from pratique.values.gate import GateVerdict
from pratique.values.judged import Judged

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
    return Judged(
        decision=all_of([floor, verdict.decision]),
        besides_approval=all_of([floor, besides.decision]),
        excepted=verdict.excepted,
        policy=situation.policy,
        looked_at=tuple(dict.fromkeys(found.bundle for one in evidence for found in (*one.verified, *one.ruled))),
        approvals=_counted(facts),
        at=situation.now,
    )


def _counted(facts: Facts) -> tuple[ApprovalFacts, ...]:
    """Those that count for either side: what a grant names as its approvals is what let it in."""
    asking = [gate.approvals for gate in facts.gates if gate.approvals is not None]
    plan = None if facts.plan is None else facts.plan.digest
    found = [tally(asked, facts.approvals, plan=plan, policy=facts.policy, now=facts.now).counted for asked in asking]
    return tuple(one for one in facts.approvals if any(one in counted for counted in found))
