"""Modules as gates: which gate each belongs to, and whether it may be asked at all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from pratique.decisions.policy_reading import Reading, problems_in, read_module
from pratique.errors import Invalid, Refused
from pratique.values._base import Value
from pratique.values.digest import Digest, canonical_json, digest_of
from pratique.values.gate import Module, Origin
from pratique.values.names import Name

CONTRACT = ("allow", "deny", "wait")
"""The rules that a gate answers by."""

_RANK: dict[Origin, int] = {"pratique": 0, "operator": 1, "service": 2}


class Gate(Value):
    """The modules of one gate, or of the tests of one, and what is wrong with them."""

    name: Name
    package: str
    origin: Origin
    modules: tuple[Module, ...]
    faults: tuple[str, ...] = ()
    """Why it cannot be asked; empty where it can."""

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """Path and text of each module."""
        return tuple((module.path, module.text) for module in self.modules)

    @property
    def query(self) -> str:
        """The question to the engine: each rule of the contract as an array, empty where the rule is undefined."""
        fields = ", ".join(f'"{rule}": [found | found := data.{self.package}.{rule}]' for rule in CONTRACT)
        return f"answer := {{{fields}}}"


def gates_of(modules: Sequence[Module], *, tests: bool = False) -> tuple[Gate, ...]:
    """The gates of these modules, in the order of their first ones; or those with the tests of each beside its modules.

    `Refused` where there are none, where a module belongs to no gate, and where one adds rules to a gate of somebody else.
    """
    return _gates_of(tuple(modules), tests)


@lru_cache(maxsize=16)
def _gates_of(modules: tuple[Module, ...], tests: bool) -> tuple[Gate, ...]:  # noqa: FBT001  # what is remembered has positions
    """Remembered, because every promotion asks twice, and most of the policies are those that ship."""
    readings, reasons = _readings(modules)
    owners: dict[str, Origin] = {}
    for reading in sorted(readings, key=lambda one: _RANK[one.module.origin]):
        owner = owners.setdefault(reading.gate, reading.module.origin)
        if owner != reading.module.origin:
            whose = f"adds to the gate {reading.gate!r}, which is the {owner}'s" if owner != "pratique" else ""
            whose = whose or f"adds to the gate {reading.gate!r}, which ships with Pratique"
            reasons.append(str(Invalid(reading.module.path, whose, "give your gate a name of its own")))
    if reasons:
        raise Refused(*reasons)
    gates = tuple(_gate(name, [one for one in readings if one.gate == name], tests=tests) for name in owners_in_order(readings))
    found = tuple(gate for gate in gates if gate is not None)
    if not found:
        raise Refused("there are no policies, so no gate was asked: nothing speaks for this")
    return found


def owners_in_order(readings: Sequence[Reading]) -> tuple[Name, ...]:
    """The gates, by their first modules."""
    return tuple(dict.fromkeys(reading.gate for reading in readings))


def modules_digest(modules: Sequence[Module]) -> Digest:
    """One digest of everything that is evaluated: it changes when any rule does, or who it is from; tests change nothing."""
    content = sorted([one.origin, one.path, one.text] for one in modules if not one.path.endswith("_test.rego"))
    return digest_of(canonical_json(content))


def _readings(modules: Sequence[Module]) -> tuple[list[Reading], list[str]]:
    readings: list[Reading] = []
    reasons: list[str] = []
    for module in modules:
        try:
            readings.append(read_module(module))
        except Invalid as fault:
            reasons.append(str(fault.problems[0]))
    seen: set[str] = set()
    for path in (module.path for module in modules):
        if path in seen:
            reasons.append(f"{path} is there twice: give each policy a path of its own")
        seen.add(path)
    return readings, reasons


def _gate(name: Name, readings: Sequence[Reading], *, tests: bool) -> Gate | None:
    asked = [one for one in readings if not one.is_test]
    if not asked and not tests:
        return None
    taken = list(readings) if tests else asked
    faults = [
        str(problem)
        for one in taken
        for problem in problems_in(one, {rule for other in taken if other.package == one.package for rule in other.rules})
    ]
    return Gate(
        name=name,
        package=taken[0].package.removesuffix("_test"),
        origin=taken[0].module.origin,
        modules=tuple(one.module for one in taken),
        faults=tuple(faults),
    )
