"""Which tests a gate has, and what became of them: only a test that is exactly true has passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pratique.decisions.gate_answers import fault_of
from pratique.decisions.policy_reading import read_module
from pratique.decisions.policy_sets import Gate
from pratique.values._base import Value

TEST = "test_"


class TestResult(Value):
    """What became of one test."""

    __test__ = False  # pytest takes classes that are called so for tests of its own

    gate: str
    test: str
    """Empty where the gate's tests could not be run at all."""
    failures: tuple[str, ...] = ()
    """Why it has not passed; empty where it has."""


def question_for(gate: Gate) -> tuple[tuple[str, ...], str]:
    """The names of the gate's tests, and the query that answers all of them."""
    tests = [reading for module in gate.modules if (reading := read_module(module)).is_test]
    names = tuple(dict.fromkeys(rule for reading in tests for rule in reading.rules if rule.startswith(TEST)))
    fields = ", ".join(f'"{name}": [found | found := data.{gate.package}_test.{name}]' for name in names)
    return names, f"answer := {{{fields}}}"


def results_from(gate: Gate, names: Sequence[str], answer: Mapping[str, Any]) -> list[TestResult]:
    """A result for each test, by the engine's answer."""
    if "fault" in answer:
        return [TestResult(gate=gate.name, test=name, failures=(fault_of(gate, str(answer["fault"])),)) for name in names]
    return [TestResult(gate=gate.name, test=name, failures=_failures(answer["found"].get(name, []))) for name in names]


def _failures(found: Sequence[Any]) -> tuple[str, ...]:
    if not found:
        return ("it is undefined: something that it needs is not there, or does not hold",)
    if found[0] is not True:
        return (f"it is {found[0]!r}, not true",)
    return ()
