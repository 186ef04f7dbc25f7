"""The verdict: every gate, every reason, and what was passed over because two people signed that it may be.

    verdict_of(gates, exceptions, expected=SHIPPED).decision.require()

A gate that was to be asked and said nothing is refused, and so is a verdict without any gate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from pratique.decisions.counted import passed_over
from pratique.values._base import Value
from pratique.values.decision import Decision, Wait
from pratique.values.facts import ExceptionFacts
from pratique.values.gate import Excepted, GateVerdict


class Verdict(Value):
    """What all gates came to."""

    decision: Decision
    excepted: tuple[Excepted, ...] = ()
    """What speaks against it and does not count; shown wherever the decision is."""


def verdict_of(gates: Sequence[GateVerdict], exceptions: Sequence[ExceptionFacts], expected: Collection[str]) -> Verdict:
    """The decision of all gates together, with every reason of each, in their order."""
    reasons = [f"gate {name}: it gave no verdict: were its policies found?" for name in _missing(gates, expected)]
    waits: list[Wait] = []
    excepted: list[Excepted] = []
    if not gates and not reasons:
        reasons.append("no gate was asked, so nothing speaks for this: configure at least one")
    for gate in gates:
        for denial in gate.denials:
            found = passed_over(gate.gate, denial.finding, exceptions)
            if found is None:
                reasons.append(f"gate {gate.gate}: {denial.reason}")
            else:
                excepted.append(_excepted(gate.gate, denial.reason, found))
        for wait in gate.waits:
            found = passed_over(gate.gate, "", exceptions)
            if found is None:
                waits.append(wait.model_copy(update={"reason": f"gate {gate.gate}: {wait.reason}"}))
            else:
                excepted.append(_excepted(gate.gate, wait.reason, found))
    decision = Decision(reasons=tuple(reasons), waits=tuple(waits))
    return Verdict(decision=decision, excepted=tuple(excepted))


def _missing(gates: Iterable[GateVerdict], expected: Collection[str]) -> list[str]:
    """Expected gates of which none of ours said anything; one of the same name by somebody else is not ours."""
    heard = {gate.gate for gate in gates if gate.origin == "pratique"}
    return sorted(set(expected) - heard)


def _excepted(gate: str, reason: str, exception: ExceptionFacts) -> Excepted:
    until = datetime.fromtimestamp(exception.expires_at, UTC)
    return Excepted(gate=gate, reason=reason, by=exception.by, until=until, why=exception.reason, bundles=exception.bundles)
