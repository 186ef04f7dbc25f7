"""Policies that are wrong, broken or hostile: each is refused, and told where."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.rego import process
from pratique.clients.rego.engine import RegoPolicies
from pratique.clients.rego.process import Limits
from pratique.decisions.gate_answers import told_to_policies
from pratique.decisions.policy_sets import modules_digest
from pratique.errors import Invalid, Refused, Transient
from pratique.values.facts import Facts
from pratique.values.gate import GateVerdict, Module, Origin
from tests.fakes.policy_input import IN_PROCESS, document

HEAD = "package pratique.gates.mine\n\ndefault allow := false\n\n"
FACTS = Facts.model_validate(document())


def module(rules: str, *, path: str = "p/mine.rego", head: str = HEAD, origin: Origin = "service") -> Module:
    return Module(path=path, text=head + rules, origin=origin)


def verdict(rules: str, *, head: str = HEAD, policies: RegoPolicies = IN_PROCESS) -> GateVerdict:
    (found,) = policies.evaluate((module(rules, head=head),), FACTS)
    return found


def test_a_gate_that_allows_and_has_nothing_against_it_allows() -> None:
    assert verdict('allow if input.service == "hello"').allowed


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ('allow if input.service == "other"', "gate 'mine' gives no reason: is something missing from its input?"),
        ("allow if input.plan.digest", "gives no reason"),
        ('allow if true\ndeny contains {"reason": "no"}', "no"),
        ("allow if nosuch(1)", "p/mine.rego:5: there is no function nosuch"),
        ("allow if nosuch == 1", "p/mine.rego:5: nothing declares 'nosuch'"),
        ("allow if input.realm.digest", "no input has 'realm' (input.realm.digest)"),
        ("allow if input.release.diges", "no input has 'diges'"),
        ("allow if data.pratique.gates.signed.allow", "data.pratique.gates.signed.allow is not of this gate"),
        ("allow if data.x", "data.x is not of this gate"),
        ("allow if opa.runtime().env", "opa.runtime depends on more than the input"),
        ('allow if opa["runtime"]().env', "opa.runtime depends on more than the input"),
        ('allow if http.send({"url": "http://a.test"})', "http.send depends on more than the input"),
        ('allow if net.lookup_ip_addr("a.test")', "net.lookup_ip_addr depends on more"),
        ('allow if rand.intn("a", 2) == 1', "rand.intn depends on more"),
        ("allow if time.now_ns() > 1", "time.now_ns depends on more"),
        ('allow if uuid.rfc4122("a")', "uuid.rfc4122 depends on more"),
        ('allow if trace("a")', "trace depends on more"),
        ('allow if print("a")', "print depends on more"),
        ("import data.other\nallow if other.x", "data.other is not of this gate"),
        ("allow if count([1]) == 1 with count as opa.runtime", "opa.runtime depends on more"),
        ("allow if 3600 % 60 == 0", "the engine's % is wrong"),
        ("f(x) := x\nallow if [f(x) | some x in [1, 2]] == [1, 2]", "a call in the head of a comprehension"),
        ("allow := ", "cannot be evaluated"),
        ("allow if true\nallow := 5 if true", "cannot be evaluated"),
        ("f(x) := f(x + 1)\nallow if f(1)", "cannot be evaluated"),
        ('allow if to_number("a") == 1', "cannot be evaluated"),
        ("allow if count(5) == 1", "cannot be evaluated"),
        ("allow := 1", "gives no reason"),
        ('allow := "true"', "gives no reason"),
        ("allow := null", "gives no reason"),
        ('allow if true\ndeny := "x"', "its deny is no set of at most 500 reasons"),
        ('allow if true\ndeny := {"reason": "x"}', "its deny is no set"),
        ('allow if true\nwait := "x"', "its wait is no set"),
        ('allow if true\ndeny contains "x"', "its deny says what is no reason"),
        (
            'allow if true\ndeny contains {"reason": 5}',
            "no reason: reason: Input should be a valid string",
        ),
        ('allow if true\ndeny contains {"reason": ""}', "its deny says what is no reason"),
        ('allow if true\ndeny contains {"reason": "x", "severity": 1}', "its deny says what is no reason: severity"),
        ('allow if true\nwait contains {"reason": "x"}', "a wait has a reason and an until"),
        ('allow if true\nwait contains {"reason": "x", "until": "soon"}', "until is a moment in seconds since 1970, or null"),
        ('allow if true\nwait contains {"reason": "x", "until": -5}', "until is a moment"),
    ],
)
def test_what_is_no_clean_yes_is_refused_and_told_where(rules: str, expected: str) -> None:
    head = "package pratique.gates.mine\n\n\n\n" if rules.startswith(("allow :=", "allow if true\nallow")) else HEAD
    found = verdict(rules, head=head)
    assert not found.allowed
    assert any(expected in denial.reason for denial in found.denials), found.denials


def test_texts_and_comments_may_name_what_rules_may_not_use() -> None:
    assert verdict('# opa.runtime() % x\nallow if "opa.runtime() | nosuch %" != `print("a")`').allowed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "declares no package"),
        ("package other\nallow := true", "declares other"),
        ("package pratique.gates\nmine.allow := true", "declares pratique.gates"),
        ("package pratique.gates.mine.more\nallow := true", "declares pratique.gates.mine.more"),
        ("package pratique.gates.Mine\nallow := true", "declares pratique.gates.Mine"),
        (HEAD + 'allow if $"{opa.runtime()}"', "p/mine.rego:5: '$' cannot be read here (use sprintf)"),
        (HEAD + "# a comment \r allow if opa.runtime()", "has the control character U+000D"),
        (HEAD + 'allow if "opa', "cannot be read here (close the text)"),
        ("package pratique.gates.mine_test\nallow := true", "tests, and only they, are in *_test.rego"),
    ],
)
def test_a_module_that_cannot_be_read_or_belongs_to_no_gate_is_refused(text: str, expected: str) -> None:
    with pytest.raises(Refused) as refused:
        IN_PROCESS.evaluate((module(text, head=""),), FACTS)
    assert expected in str(refused.value)


def test_no_modules_and_only_tests_are_refused() -> None:
    for modules in ((), (module("test_a := true", path="mine_test.rego", head="package pratique.gates.mine_test\n"),)):
        with pytest.raises(Refused, match="no gate was asked"):
            IN_PROCESS.evaluate(modules, FACTS)


@pytest.mark.parametrize(("owner", "intruder"), [("pratique", "operator"), ("pratique", "service"), ("operator", "service")])
def test_nobody_adds_rules_to_a_gate_of_somebody_else(owner: Origin, intruder: Origin) -> None:
    both = (module("allow := true", path="p/b.rego", origin=intruder), module("allow := false", path="p/a.rego", origin=owner))
    with pytest.raises(Refused, match=r"p/b\.rego: adds to the gate 'mine'"):
        IN_PROCESS.evaluate(both, FACTS)


def test_a_gate_may_have_several_files() -> None:
    more = module("good if input.now > 5", path="p/more.rego", head="package pratique.gates.mine\n")
    (found,) = IN_PROCESS.evaluate((module("allow if good"), more), FACTS)
    assert found.allowed


def test_a_name_with_underscores_is_a_gate_with_hyphens() -> None:
    (found,) = IN_PROCESS.evaluate((module("allow := true", head="package pratique.gates.change_ticket\n"),), FACTS)
    assert (found.gate, found.allowed) == ("change-ticket", True)


def test_reasons_are_sorted_and_waits_by_their_end() -> None:
    found = verdict(
        'deny contains {"reason": r} if some r in ["b", "c", "a"]\n'
        'wait contains {"reason": "later", "until": null}\nwait contains {"reason": "soon", "until": 5}'
    )
    assert [denial.reason for denial in found.denials] == ["a", "b", "c"]
    assert [wait.reason for wait in found.waits] == ["soon", "later"]


def test_a_text_of_the_input_cannot_become_more_of_it() -> None:
    told: Any = {**document(), "service": 'a", "purpose": "rollback", "x": "\\ \n\u00e9\0'}
    gates = (module('allow if { input.purpose == "promote"; contains(input.service, "rollback") }'),)
    (found,) = IN_PROCESS.evaluate_document(gates, told)
    assert found.allowed


@pytest.mark.parametrize("value", [2**60, "\ud800"])
def test_evidence_that_the_engine_would_misread_is_refused(value: object) -> None:
    told = document()
    told["release"]["images"][0]["bill"] = {"odd": value}
    with pytest.raises(Invalid):
        told_to_policies(Facts.model_validate(told))


def test_evidence_that_is_nested_too_deeply_is_refused() -> None:
    bill: dict[str, Any] = {}
    for _ in range(50):
        bill = {"more": bill}
    told = document()
    told["release"]["images"][0]["bill"] = bill
    with pytest.raises(Invalid, match="nested more than"):
        told_to_policies(Facts.model_validate(told))


def test_a_process_of_its_own_answers_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = 'allow if input.service == "hello"\ndeny contains {"reason": "é \\"x\\""} if input.now > 5'
    assert verdict(rules, policies=RegoPolicies()) == verdict(rules)


def test_an_engine_that_does_not_load_is_told_with_the_library_that_it_misses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "regopy").mkdir()
    (tmp_path / "regopy" / "__init__.py").write_text('raise OSError("libatomic.so.1: cannot open shared object file")')
    monkeypatch.setattr(process, "_place_of_the_engine", lambda: str(tmp_path))
    # Nobody was asked, so no gate has a verdict: what runs is not revoked because a library is missing.
    with pytest.raises(Refused, match=r"does not load on this machine \(libatomic.so.1: cannot open.*libatomic1"):
        verdict("allow := true", policies=RegoPolicies())


ENDLESS = "allow if regex.match(`(a+)+$`, `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab`)"


def test_a_gate_that_takes_more_time_than_it_may_is_ended_and_refused() -> None:
    (denial,) = verdict(ENDLESS, policies=RegoPolicies(Limits(cpu=1))).denials
    assert "the policies of the service take more seconds of the processor than they may" in denial.reason


def test_a_gate_that_is_not_answered_for_in_time_is_left_open() -> None:
    with pytest.raises(Transient, match=r"the engine of the policies did not end within 1 s"):
        verdict(ENDLESS, policies=RegoPolicies(Limits(deadline=timedelta(seconds=1))))


def test_a_gate_that_takes_too_much_memory_is_ended_and_refused() -> None:
    rules = "allow if count(numbers.range(1, 30000000)) == 1"
    (denial,) = verdict(rules, policies=RegoPolicies(Limits(memory=200 * 1024**2))).denials
    assert "take more than 200 MiB of memory" in denial.reason


def test_what_breaks_for_the_service_leaves_the_other_gates_their_verdict() -> None:
    rules = "allow if regex.match(`(a+)+$`, `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab`)"
    ours = module("allow := true", path="q/ours.rego", head="package pratique.gates.ours\n", origin="operator")
    # Seconds of CPU, of which the other gate needs little on the slowest machine, however busy that is.
    found = RegoPolicies(Limits(cpu=2)).evaluate((module(rules), ours), FACTS)
    assert {one.gate: one.allowed for one in found} == {"mine": False, "ours": True}


def test_the_digest_changes_with_rules_and_not_with_tests_or_order() -> None:
    one, other = module("allow := true"), module("allow := true", path="p/b.rego", head="package pratique.gates.b\n")
    test = module("test_a := true", path="p/mine_test.rego", head="package pratique.gates.mine_test\n")
    assert modules_digest((one, other)) == modules_digest((other, test, one))
    assert modules_digest((one,)) != modules_digest((module("allow := false"),))
    assert modules_digest((one,)) != modules_digest((module("allow := true", origin="operator"),))
