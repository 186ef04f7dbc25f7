"""Evaluating policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pratique.values.facts import Facts
from pratique.values.gate import GateVerdict, Module


class PolicyEngine(Protocol):
    """Evaluates gates that are written in Rego."""

    def evaluate(self, modules: Sequence[Module], facts: Facts) -> tuple[GateVerdict, ...]:
        """What each gate says, in the order of their first modules; modules of tests are left out.

        Whatever is wrong with a gate is a denial of that gate, never an error: a rule that cannot be read, one that asks for
        more than the input, a crash, a deadline. No modules at all, and modules that belong to no gate, are refused.
        """
        ...
