"""What the engine does differently from OPA (docs/decisions/0013): an upgrade that changes any of it is noticed here."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import regopy

from pratique.clients.rego import child
from pratique.decisions.rego_names import BUILTINS


def found(rules: str, told: object = None) -> Any:
    question = {"modules": [["a.rego", f"package a\n{rules}\n"]], "query": "answer := [found | found := data.a.x]"}
    (answer,) = child.answers_to([question], told or {})
    return answer.get("found", "fault")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("x if nosuch == 1", []),
        ("x if nosuch(1)", "fault"),
        ("f(a) := f(a + 1)\nx := f(1)", "fault"),
        ("x if 3600 % 60 == 0", []),
        ("x := [v | some k, v in [1]; k == 0]", "fault"),
        ("x if null > 5", [True]),
        ('x := sprintf("a %s", [concat(",", ["b"])])', "fault"),
        ("x { true }", [True]),
        ("x if 1 == 1\nx := 2 if 1 == 1", "fault"),
        ('x := count(http.send({"url": "a"}))', "fault"),
        ('x := to_number("a")', "fault"),
        ('x := "COMMIT" if opa.runtime().commit', ["COMMIT"]),
    ],
)
def test_a_limit_is_as_it_was(rules: str, expected: object) -> None:
    assert found(rules) == expected


def test_a_call_in_the_head_of_a_comprehension_fails_inside_a_function_and_works_in_its_body() -> None:
    union = 't := {w: "T" | some w in l; w == "a"}\n\tu := object.union(t, {"OR": "OR"})'
    rule = "f(l) := y if {\n\t" + union + "\n\ty := %s\n}\n"
    head = rule % '[object.get(u, w, "F") | some w in l]'
    body = rule % '[v | some w in l; v := object.get(u, w, "F")]'
    assert found(head + "x := f(input.l)", {"l": ["b", "a"]}) == "fault"
    assert found(body + "x := f(input.l)", {"l": ["b", "a"]}) == [["F", "T"]]


def test_with_input_as_an_object_ends_the_process() -> None:
    code = """
import regopy
engine = regopy.Interpreter()
gate = "package pratique.gates.g\\ndefault allow := false\\nallow if {\\n\\tis_array(input.r)\\n\\tcount(input.r) == 0\\n}\\n"
engine.add_module("g", gate)
engine.add_module("t", "package t\\nx if { data.pratique.gates.g.allow with input as {\\"r\\": []} }")
engine.set_input({})
print(engine.query("data.t.x"))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode < 0


def test_every_built_in_that_may_be_used_is_there() -> None:
    engine = regopy.Interpreter()
    assert [name for name in sorted(BUILTINS) if not engine.is_builtin(name)] == []
