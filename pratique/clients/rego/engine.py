"""Gates, asked by rego-cpp: those that we and the operator wrote in one process, the service's in another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pratique.clients.rego.process import Faulty, Limits, Question, answers_of
from pratique.decisions.gate_answers import told_to_policies, verdict_from
from pratique.decisions.policy_sets import Gate, gates_of
from pratique.values.facts import Facts
from pratique.values.gate import Denial, GateVerdict, Module

Ask = Callable[[Sequence[Question], object, Limits], list[dict[str, Any]]]

WHOSE = {"pratique": "of Pratique and the operator", "operator": "of Pratique and the operator", "service": "of the service"}


class RegoPolicies:
    """`PolicyEngine` by rego-cpp."""

    def __init__(self, limits: Limits | None = None, ask: Ask = answers_of) -> None:
        self.limits = limits or Limits()
        self._ask = ask

    def evaluate(self, modules: Sequence[Module], facts: Facts) -> tuple[GateVerdict, ...]:
        return self.evaluate_document(modules, told_to_policies(facts))

    def evaluate_document(self, modules: Sequence[Module], document: object) -> tuple[GateVerdict, ...]:
        """As `evaluate`, on a document that need not be one of `Facts`."""
        gates = gates_of(modules)
        verdicts = {gate.name: _refused(gate, gate.faults) for gate in gates if gate.faults}
        for services in (False, True):
            asked = [gate for gate in gates if not gate.faults and (gate.origin == "service") is services]
            verdicts |= self._asked(asked, document)
        return tuple(verdicts[gate.name] for gate in gates)

    def _asked(self, gates: Sequence[Gate], document: object) -> dict[str, GateVerdict]:
        if not gates:
            return {}
        questions = [Question(modules=gate.sources, query=gate.query) for gate in gates]
        try:
            answers = self._ask(questions, document, self.limits)
        except Faulty as fault:
            reason = f"the policies {WHOSE[gates[0].origin]} {fault}"
            return {gate.name: _refused(gate, (reason,)) for gate in gates}
        return {gate.name: verdict_from(gate, answer) for gate, answer in zip(gates, answers, strict=True)}


def _refused(gate: Gate, reasons: Sequence[str]) -> GateVerdict:
    denials = tuple(Denial(reason=reason) for reason in reasons)
    return GateVerdict(gate=gate.name, origin=gate.origin, allowed=False, denials=denials)
