"""The plan of one stack, case by case in the order in which it is decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pratique.decisions.stack_plan import plan_stack, require_sound
from pratique.decisions.stack_template import read_template
from pratique.errors import Invalid
from pratique.values.stack import CurrentStack, DesiredStack, Listing

CASES = json.loads((Path(__file__).parents[2] / "cases" / "stack_plans.json").read_text())

TEMPLATE = """
Parameters:
  Level: {Type: String, Default: info}
  Password: {Type: String, NoEcho: true}
Resources:
  Setting: {Type: "AWS::SSM::Parameter", Properties: {Type: String, Value: !Ref Level}}
"""


@pytest.mark.parametrize("case", CASES, ids=[case["shows"] for case in CASES])
def test_plan(case: dict[str, Any]) -> None:
    desired = _desired(**case.get("desired", {}))
    current = None
    if case["current"] is not None:
        as_desired = {"status": "UPDATE_COMPLETE", "template": TEMPLATE, "parameters": desired.parameters, "tags": desired.tags}
        masked = {"parameters": {"Level": "info", "Password": "****"}}
        current = CurrentStack.model_validate(as_desired | masked | case["current"])
    plan = plan_stack(desired, current, Listing.model_validate(case["listing"]))

    assert [[change.action, change.name, change.detail] for change in plan.changes] == case["changes"]
    assert bool(plan.reason) == (not case["changes"])
    assert plan.desired == desired.digest
    assert "hunter2" not in plan.model_dump_json()


def test_desired_depends_on_template_and_parameters_and_not_on_tags() -> None:
    digests = {
        _desired().digest,
        _desired(tags={"other": "tag"}).digest,
        _desired(template=TEMPLATE + " ").digest,
        _desired(parameters={"Password": "hunter2", "Level": "error"}).digest,
    }
    assert len(digests) == 3


@pytest.mark.parametrize("name", ["", "1st", "under_score", "ümlaut", "a" * 129, "line\nbreak", "-dash"])
def test_a_name_that_cloudformation_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="takes no such name"):
        require_sound(_desired(name=name))


def test_json_and_both_spellings_of_yaml_read_alike() -> None:
    short = """
    Resources:
      A: {Type: T, Condition: C, Properties: {N: !Sub "x-${P}", M: !GetAtt B.Name.First, O: !If [C, 1, !Ref P], Q: true}}
    Conditions: {C: !Equals [!Ref P, "1"]}
    """
    full = {
        "Resources": {
            "A": {
                "Type": "T",
                "Condition": "C",
                "Properties": {
                    "N": {"Fn::Sub": "x-${P}"},
                    "M": {"Fn::GetAtt": ["B", "Name.First"]},
                    "O": {"Fn::If": ["C", 1, {"Ref": "P"}]},
                    "Q": True,
                },
            }
        },
        "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "1"]}},
    }
    read = [read_template("t", text) for text in (short, json.dumps(full), json.dumps(full, indent="\t"))]
    assert read[0] == read[1] == read[2]


@pytest.mark.parametrize(
    ("template", "capabilities"),
    [
        ("Resources: {A: {Type: 'AWS::SQS::Queue'}}", ()),
        ("Resources: {A: {Type: 'AWS::IAM::Role'}}", ("CAPABILITY_NAMED_IAM",)),
        ("Resources: {A: {Type: 'AWS::CloudFormation::Stack'}}", ()),
        ("Transform: T\nResources: {A: {Type: 'AWS::SQS::Queue'}}", ("CAPABILITY_AUTO_EXPAND",)),
        ("Transform: T\nResources: {A: {Type: 'AWS::IAM::Role'}}", ("CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")),
    ],
)
def test_only_what_the_template_shows_is_acknowledged(template: str, capabilities: tuple[str, ...]) -> None:
    assert read_template("t", template).capabilities == capabilities


@pytest.mark.parametrize(
    "template",
    [
        "[]",
        "null",
        "- a",
        "Resources: [a]",
        "Resources: {A: text}",
        "Resources: {A: {Type: ''}}",
        "Parameters: {P: {}}\nResources: {A: {Type: T}}",
        "Resources: {A: {Type: T, Properties: &p {B: 1}}, B: {Type: T, Properties: *p}}",
        "Resources: {A: {Type: T}",
        "%bad",
        "\x00",
        "[" * 5_000,
        "{" * 5_000,
        '{"Resources": ' + "[" * 20_000,
    ],
)
def test_what_is_no_template_is_invalid_and_nothing_worse(template: str) -> None:
    with pytest.raises(Invalid, match="the stack"):
        read_template("the stack", template)


def _desired(**fields: Any) -> DesiredStack:
    parameters = {"Level": "info", "Password": "hunter2"}
    tags = {"team": "harbour", "pratique:release": "new"}
    known: dict[str, Any] = {"name": "pratique-hello", "template": TEMPLATE, "parameters": parameters, "tags": tags}
    return DesiredStack.model_validate(known | fields)
