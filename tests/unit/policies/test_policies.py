"""Every gate that ships, by its table of cases, through the engine itself."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.clients.policy_files import shipped_gates, shipped_modules
from pratique.clients.rego.testing import run_tests
from pratique.decisions.policy_example import NOW, document, grant
from pratique.values.facts import Facts
from pratique.values.gate import GateVerdict
from tests.fakes.policy_input import IN_PROCESS, asked, changed

FOLDER = Path(__file__).parents[2] / "cases" / "policies"
TABLES = {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}
CASES = [pytest.param(gate, case, id=f"{gate}: {case['name']}") for gate, table in TABLES.items() for case in table]
SHIPPED = tuple(module for module in shipped_modules() if not module.path.endswith("_test.rego"))


def told(case: dict[str, Any]) -> dict[str, Any]:
    found = changed(case)
    found["chain"]["grants"] = [{**grant(one["environment"]), **one} for one in found["chain"]["grants"]]
    return found


def test_every_gate_has_a_table() -> None:
    assert set(TABLES) == set(shipped_gates())
    assert all(any(case["reasons"] or case.get("waits") for case in table) for table in TABLES.values())


@pytest.mark.parametrize(("gate", "case"), CASES)
def test_a_gate_gives_exactly_these_reasons_and_waits(gate: str, case: dict[str, Any]) -> None:
    found = told(case)
    Facts.model_validate(found)
    verdict = asked(SHIPPED, gate, found)
    reasons = [re.sub(r"sha256:[0-9a-f]{64}", "sha256:DIGEST", denial.reason) for denial in verdict.denials]
    assert len(reasons) == len(case["reasons"]), reasons
    assert all(expected in reason for expected, reason in zip(case["reasons"], reasons, strict=True)), reasons
    waits = [wait.reason for wait in verdict.waits]
    assert len(waits) == len(case.get("waits", [])), waits
    assert all(expected in wait for expected, wait in zip(case.get("waits", []), waits, strict=True)), waits
    if "until" in case:
        assert max(wait.until or datetime.min.replace(tzinfo=UTC) for wait in verdict.waits).timestamp() == case["until"]
    assert verdict.allowed is (not case["reasons"] and not case.get("waits"))


def test_where_all_is_well_every_gate_allows() -> None:
    facts = Facts.model_validate(document())
    verdicts = IN_PROCESS.evaluate(SHIPPED, facts)
    assert {verdict.gate for verdict in verdicts} == set(shipped_gates())
    assert [verdict.gate for verdict in verdicts if not verdict.allowed] == []


STRICTEST = {
    "gates": [
        {
            "soak": 3600,
            "approvals": {},
            "vulnerabilities": dict.fromkeys(("critical", "high", "medium", "low", "unknown"), 0) | {"scanned_within": 7200},
            "licences": {"allow": ["MIT"]},
            "signed_by": ["key:*"],
        }
    ],
    "approvals": [{}],
    "holds": [{"lifted": True}],
    "set": {"plan": {"digest": "$plan", "changes": [], "reason": ""}},
}
"""Everything is asked for, and everything is there."""


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in items:
        if isinstance(value, dict):
            yield (*path, name)
        yield from fields(one, (*path, name))


def without(value: Any, path: tuple[Any, ...]) -> Any:
    found = copy.deepcopy(value)
    place = found
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return found


def allowed(verdicts: tuple[GateVerdict, ...]) -> set[str]:
    return {verdict.gate for verdict in verdicts if verdict.allowed}


@pytest.mark.parametrize("gate", sorted(TABLES))
def test_without_any_one_field_no_refusal_becomes_a_yes(gate: str) -> None:
    refused = [case for case in TABLES[gate] if case["reasons"] or case.get("waits")]
    relevant = {"signed": ("release", "gates", "environment"), "upstream": ("environment", "chain", "purpose")}
    for case in refused[:2]:
        found = told(case)
        for path in fields(found):
            if path[0] in relevant.get(gate, path):
                assert not asked(SHIPPED, gate, without(found, path)).allowed, (case["name"], path)


def test_the_tests_that_ship_pass() -> None:
    results = run_tests(shipped_modules())
    assert {result.gate for result in results} == set(shipped_gates())
    assert [result for result in results if result.failures] == []


def test_where_all_is_asked_for_and_there_every_gate_allows() -> None:
    verdicts = IN_PROCESS.evaluate_document(SHIPPED, told(STRICTEST))
    assert [verdict for verdict in verdicts if not verdict.allowed] == []


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "by": st.sampled_from(["ada", "bob", "cyd", "mallory"]),
                "is_click": st.booleans(),
                "is_author": st.booleans(),
                "plan": st.sampled_from(["$plan", "$other"]),
                "policy": st.sampled_from(["$policy", "$other"]),
                "made_at": st.sampled_from([NOW - 60, NOW - 10**6, NOW + 10**6]),
                "expires_at": st.sampled_from([None, NOW - 1, NOW + 60]),
            }
        ),
        max_size=6,
    ),
    st.integers(1, 3),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_only_distinct_people_who_count_are_counted(said: list[dict[str, Any]], required: int, clicks: bool) -> None:  # noqa: FBT001
    asking = {"required": required, "clicks": clicks}
    plan = {"plan": {"digest": "$plan", "changes": [], "reason": ""}}
    verdict = asked(SHIPPED, "approvals", told({"gates": [{"approvals": asking}], "approvals": said, "set": plan}))
    people = {
        one["by"]
        for one in said
        if one["by"] != "mallory" and (clicks or not one["is_click"]) and not one["is_author"]
        if one["plan"] == "$plan" and one["policy"] == "$policy" and one["made_at"] == NOW - 60
        if one["expires_at"] in (None, NOW + 60)
    }
    assert verdict.allowed is (len(people) >= required)
