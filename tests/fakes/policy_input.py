"""Input documents of policies: one in which all is well, and what cases change of it."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

from pratique.clients.rego import child
from pratique.clients.rego.engine import RegoPolicies
from pratique.clients.rego.process import Limits, Question
from pratique.decisions.counted import tally, told_to_gates
from pratique.decisions.policy_example import DAY, DIGESTS, NOW, document
from pratique.values.facts import ApprovalFacts, ApprovalsFacts
from pratique.values.gate import GateVerdict, Module

POLICY, PLAN = DIGESTS["policy"], DIGESTS["plan"]


REQUIREMENTS: dict[str, dict[str, Any]] = {
    "approvals": {"required": 1, "people": ["ada", "bob", "cyd"], "not_author": True, "expires": 7 * DAY, "clicks": False},
    "vulnerabilities": dict.fromkeys(("critical", "high", "medium", "low", "unknown", "scanned_within")),
    "licences": {"allow": [], "deny": [], "unknown": "refuse"},
}
ELEMENTS: dict[str, dict[str, Any]] = {
    "approvals": {
        "kind": "approve", "by": "bob", "is_click": False, "is_author": False, "plan": PLAN, "policy": POLICY,
        "made_at": NOW - 60, "expires_at": None, "reason": "", "bundle": DIGESTS["ruling"],
    },
    "exceptions": {
        "gate": "vulnerabilities", "finding": "", "by": ["bob", "cyd"], "reason": "tonight", "expires_at": NOW + 60,
        "bundles": [DIGESTS["ruling"], DIGESTS["other"]],
    },
    "revocations": {"by": "bob", "made_at": NOW - 60, "reason": "", "bundle": DIGESTS["ruling"]},
    "holds": {
        "release": DIGESTS["other"], "commit": "2" * 40, "made_at": NOW - 60, "reason": "", "bundle": DIGESTS["ruling"],
        "lifted": False,
    },
}  # fmt: skip
"""What a case leaves out of what it adds."""


def changed(case: dict[str, Any]) -> dict[str, Any]:
    """The document of a case: `set` paths, `gates`, and lists of what is to be there, each completed by the usual."""
    found = document()
    for asked in case.get("gates", []):
        gate: dict[str, Any] = {"by": "service", "soak": None, "signed_by": []}
        gate |= dict.fromkeys(REQUIREMENTS)
        for name, value in asked.items():
            gate[name] = {**REQUIREMENTS[name], **value} if name in REQUIREMENTS else value
        found["gates"].append(gate)
    for name, usual in ELEMENTS.items():
        found[name] = [{**copy.deepcopy(usual), **one} for one in case.get(name, [])]
    for path, value in case.get("set", {}).items():
        _set(found, path.split("."), value)
    return counted(_named(found))


def counted(found: dict[str, Any]) -> dict[str, Any]:
    """The document, with whose word counts as the pipeline would have it."""
    plan = (found.get("plan") or {}).get("digest")
    words = [ApprovalFacts.model_validate(one) for one in found["approvals"]]
    for gate in found["gates"]:
        if gate["approvals"] is not None:
            asked = ApprovalsFacts.model_validate(gate["approvals"])
            come_to = tally(asked, words, plan=plan, policy=found["policy"], now=found["now"])
            gate["approvals"] = told_to_gates(asked, come_to).model_dump(mode="json")
    return found


def _set(place: Any, path: list[str], value: Any) -> None:
    for step in path[:-1]:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if isinstance(place, list):
        place[int(path[-1])] = value
    else:
        place[path[-1]] = value


def _named(value: Any) -> Any:
    """Digests in place of `$release` and the like."""
    match value:
        case str() if value.startswith("$"):
            return DIGESTS[value[1:]]
        case dict():
            return {name: _named(one) for name, one in value.items()}
        case list():
            return [_named(one) for one in value]
        case _:
            return value


@lru_cache(maxsize=64)
def _kept(modules: tuple[tuple[str, str], ...], query: str) -> Any:
    return child.compile_query([list(module) for module in modules], query)


def _at_once(questions: Any, told: object, _: Limits) -> list[dict[str, Any]]:
    def compiled(modules: list[list[str]], query: str) -> Any:
        return _kept(tuple((path, text) for path, text in modules), query)

    return child.answers_to([Question.model_dump(question) for question in questions], told, compiled)


IN_PROCESS = RegoPolicies(ask=_at_once)
"""The engine in the process of the tests: for tables, where nothing goes astray."""


def asked(modules: tuple[Module, ...], gate: str, told: object) -> GateVerdict:
    """What one gate says."""
    own = tuple(module for module in modules if module.path.endswith(f"/{gate}.rego"))
    (verdict,) = IN_PROCESS.evaluate_document(own, told)
    return verdict
