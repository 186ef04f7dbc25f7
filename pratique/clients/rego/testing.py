"""The tests of policies: rules `test_…` in `*_test.rego`, beside the policies that they are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pratique.clients.rego.process import Faulty, Limits, Question, answers_of
from pratique.decisions.policy_example import document
from pratique.decisions.policy_sets import Gate, gates_of
from pratique.decisions.policy_testing import TestResult, question_for, results_from
from pratique.errors import Refused
from pratique.values.gate import Module


def run_tests(modules: Sequence[Module], limits: Limits | None = None) -> tuple[TestResult, ...]:
    """What became of every test; a gate whose modules cannot be asked is one failure. `Refused` where there are no tests."""
    results: list[TestResult] = []
    for gate in gates_of(modules, tests=True):
        if gate.faults:
            results.append(TestResult(gate=gate.name, test="", failures=gate.faults))
            continue
        names, query = question_for(gate)
        if names:
            results += results_from(gate, names, _asked(gate, query, limits or Limits()))
    if not any(result.test or result.failures for result in results):
        raise Refused("there are no tests, so nothing is shown: write rules test_… into *_test.rego beside the policies")
    return tuple(results)


def _asked(gate: Gate, query: str, limits: Limits) -> dict[str, Any]:
    try:
        return answers_of([Question(modules=gate.sources, query=query)], document(), limits)[0]
    except Faulty as fault:
        return {"fault": f"the tests {fault}"}
