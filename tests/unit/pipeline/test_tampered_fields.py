"""Each field of each statement of a chain, edited: without the key, with the pipeline's own key, and with the ledger at hand.

Which reason each field's edit is refused with is in `tests/cases/tampered_fields.json`, and which fields nothing is compared
with, and why. A field that is in neither list fails its test, so that a new one has to be thought about.
"""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.decisions.proof_report import proof_report
from pratique.values.digest import digest_of
from pratique.values.evidence import Statement
from tests.fakes.evidenced import GRAPH, Evidenced, evidenced, signer

CASES = json.loads((Path(__file__).parents[2] / "cases" / "tampered_fields.json").read_text())
WHOLE = evidenced()
OTHER = digest_of(b"other")

Edit = tuple[str, str, tuple[Any, ...], Any]
"""The statement, the field as the cases name it, where it is, and what stands there instead."""


def payload_of(name: str, found: Evidenced = WHOLE) -> Any:
    return json.loads(base64.b64decode(json.loads(found.attached[name][1])["dsseEnvelope"]["payload"]))


def kind_of(name: str) -> str:
    return name.partition(" by ")[0]


def leaves(document: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value in the document that holds no other, with where it is; empty ones too."""
    if not isinstance(document, dict | list) or not document:
        yield above, document
        return
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        yield from leaves(value, (*above, key))


def instead(value: Any) -> dict[str, Any]:
    """What may stand there instead, by how the cases tell them apart: another value of the same kind."""
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        at = datetime.fromisoformat(value)
        return {" earlier": (at - timedelta(days=700)).isoformat(), " later": (at + timedelta(days=60)).isoformat()}
    if isinstance(value, str) and re.fullmatch(r"(sha256:)?[0-9a-f]{64}", value):
        return {"": OTHER if value.startswith("sha256:") else OTHER[7:]}
    others = {
        bool: lambda: not value,
        int: lambda: value + 1,
        str: lambda: f"{value}x",
        list: lambda: ["x"],
        dict: lambda: {"x": 1},
    }
    return {"": others.get(type(value), lambda: OTHER)()}


def edits(found: Evidenced = WHOLE) -> list[Edit]:
    """One edit of each field of each kind of statement; of two people's words, of the first one's."""
    seen: dict[tuple[str, str], Edit] = {}
    for name in found.attached:
        if " of dev" in name or " of staging" in name:
            continue
        for path, value in leaves(payload_of(name, found)):
            spelled = ".".join("*" if isinstance(part, int) else part for part in path)
            for tag, new in instead(value).items():
                seen.setdefault((kind_of(name), spelled + tag), (name, spelled + tag, path, new))
    return list(seen.values())


EDITS = edits()
NAMED = [f"{name}: {spelled}" for name, spelled, _, _ in EDITS]


def edited(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    parent = changed
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    return changed


def statement(document: Any) -> Statement:
    return Statement.model_validate(document, by_alias=True, by_name=False)


def test_every_field_is_thought_about_and_none_is_made_up() -> None:
    there: dict[str, set[str]] = {}
    for name, spelled, _, _ in EDITS:
        there.setdefault(kind_of(name), set()).add(spelled)
    assert there == {kind: {*lists["refused"], *lists["nobody_compares"]} for kind, lists in CASES.items()}


def test_the_whole_chain_is_proved() -> None:
    proof = WHOLE.prove()
    assert proof.problems == ()
    assert [part.name for part in proof.parts if part.kind == "environment"] == ["dev", "staging", "prod"]


def test_a_graph_is_proved_as_a_line_is() -> None:
    proof = evidenced(GRAPH).prove()
    assert proof.problems == ()
    assert [part.name for part in proof.parts if part.kind == "environment"] == ["dev", "load", "staging", "prod"]


def again() -> Evidenced:
    """The whole chain, to be tampered with."""
    return replace(WHOLE, attached=dict(WHOLE.attached))


UNFIT = "the signature does not fit the content, one of them was changed"
UNSIGNED = {
    "signature": UNFIT,
    "provenance": " has no provenance by anyone",
    "verdict": f"its verdict {WHOLE.digest('verdict of prod')[7:19]} is not attached by anyone whose signature counts there",
    "checks": f"its checks {WHOLE.digest('checks of prod')[7:19]} is not attached by anyone whose signature counts there",
    "earlier": f"that it replaces: hello/releases holds no blob {WHOLE.digest('earlier grant of prod')}",
}


@pytest.mark.parametrize("edit", EDITS, ids=NAMED)
def test_an_edit_that_nobody_signed_is_refused(edit: Edit) -> None:
    name, spelled, path, value = edit
    found = again()
    reference, bundle = found.attached[name]
    envelope = json.loads(bundle)
    payload = json.dumps(edited(payload_of(name, found), path, value)).encode()
    envelope["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    found.attached[name] = (reference, json.dumps(envelope).encode())
    proof = found.prove()
    if (name, spelled) == ("grant of prod", "predicateType"):
        # Whoever has no key makes another tool's attestation of it, which is told of, and the grant is as if it were dropped.
        assert UNFIT in proof_report(proof)
        assert [part.at for part in proof.parts if part.name == "prod"] == [None]
        return
    expected = UNSIGNED.get(name.partition(" ")[0], UNFIT)
    if spelled == "predicateType" and name.startswith(("approval", "exception")):
        expected = f"{WHOLE.digest(name)[7:19]} is not attached by anyone whose signature counts there"
    assert expected in " ".join(proof.problems)


@pytest.mark.parametrize("edit", EDITS, ids=NAMED)
def test_an_edit_that_was_signed_anew_and_is_linked_to_is_refused_for_what_it_contradicts(edit: Edit) -> None:
    name, spelled, path, value = edit
    if spelled == "_type":
        with pytest.raises(ValueError, match="_type"):
            statement(edited(payload_of(name), path, value))
        return

    def change(of: str, made: Statement) -> Statement:
        return statement(edited(json.loads(made.payload()), path, value)) if of == name else made

    problems = " ".join(evidenced(change=change).prove().problems)
    lists = CASES[kind_of(name)]
    if spelled in lists["refused"]:
        assert lists["refused"][spelled] in problems
    else:
        assert problems == "", f"something compares it after all: {lists['nobody_compares'][spelled]}"


@pytest.mark.parametrize(
    "edit", [edit for edit in EDITS if edit[0] == "grant of prod" and edit[1] != "_type"], ids=lambda edit: edit[1]
)
def test_a_last_grant_that_was_signed_anew_is_told_by_the_ledger(edit: Edit) -> None:
    name, _, path, value = edit
    found = again()
    recorded = {"prod": found.digest(name)}
    assert found.prove(recorded=recorded).verified
    reference, _ = found.attached[name]
    found.attached[name] = (reference, signer("pipeline").sign(statement(edited(payload_of(name, found), path, value))))
    problems = " ".join(found.prove(recorded=recorded).problems)
    assert f"the ledger says that 'prod' has granted it by grant {recorded['prod'][7:19]}, which is not attached" in problems
