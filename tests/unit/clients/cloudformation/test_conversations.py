"""The client against recorded conversations: what the local endpoint cannot do, such as failing and taking time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import xform_name
from botocore.stub import ANY, Stubber

from pratique.clients.cloudformation.change_sets import name_for
from pratique.clients.cloudformation.stacks import CloudFormationStacks
from pratique.errors import FenceLost, Refused, Transient
from pratique.values.stack import DesiredStack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

CASES = json.loads((Path(__file__).parents[3] / "cases" / "stack_conversations.json").read_text())
FENCE = 3
STACK_ID = "arn:stack/pratique-hello/1"
TEMPLATE = "Parameters: {Password: {Type: String, NoEcho: true}}\nResources: {Setting: {Type: 'AWS::SSM::Parameter'}}"
WHEN = datetime(2026, 11, 1, tzinfo=UTC)

DESIRED = DesiredStack(
    name="pratique-hello",
    template=TEMPLATE,
    parameters={"Password": "hunter2"},
    tags={"team": "harbour"},
)


@pytest.fixture
def client() -> Iterator[CloudFormationClient]:
    made = boto3.client("cloudformation", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES, ids=[case["shows"] for case in CASES])
def test_conversation(case: dict[str, Any], client: CloudFormationClient) -> None:
    stacks = CloudFormationStacks(client, poll=0, within=case.get("within", 60))
    told: list[str] = []
    with Stubber(client) as stubber:
        for exchange in case["talk"]:
            _record(stubber, client, exchange)
        calls = {
            "apply": lambda: stacks.apply(DESIRED, FENCE, told.append),
            "plan": lambda: stacks.plan(DESIRED),
            "delete": lambda: stacks.delete(DESIRED.name),
        }
        call = calls[case.get("call", "apply")]
        for word, kind in (("fence_lost", FenceLost), ("refused", Refused), ("transient", Transient)):
            if word in case:
                with pytest.raises(kind) as failure:
                    call()
                assert type(failure.value) is kind
                assert [part for part in case[word] if part not in str(failure.value)] == []
                break
        else:
            result = call()
            if "planned" in case:
                assert [change.name for change in result.changes] == case["planned"]
            else:
                assert result == case["outputs"]
        stubber.assert_no_pending_responses()
    if "told" in case:
        assert [_short(line) for line in told] == case["told"]
    assert "hunter2" not in "".join(told)


def test_a_change_sets_name_says_fence_and_content() -> None:
    others = (
        (DESIRED, 4),
        (DESIRED.model_copy(update={"parameters": {"Password": "other"}}), 3),
        (DESIRED.model_copy(update={"tags": {}}), 3),
        (DESIRED.model_copy(update={"template": TEMPLATE + "\n"}), 3),
    )
    assert name_for(DESIRED, 3) == name_for(DESIRED.model_copy(), 3)
    assert len({name_for(DESIRED, 3), *(name_for(*other) for other in others)}) == 5


def _short(line: str) -> str:
    return line.split(" (", maxsplit=1)[0].split(", because", maxsplit=1)[0]


def _record(stubber: Stubber, client: CloudFormationClient, exchange: dict[str, Any]) -> None:
    (operation, content), *_ = [item for item in exchange.items() if item[0] != "asked"]
    method = xform_name(operation)
    members = client.meta.service_model.operation_model(operation).input_shape.members  # type: ignore[union-attr]
    asked = exchange.get("asked")
    expected = asked and _asked(asked, exchange, members)
    if content == "missing":
        content = {"error": "ValidationError", "message": "Stack with id pratique-hello does not exist"}
    if isinstance(content, dict) and "error" in content:
        stubber.add_client_error(method, content["error"], content["message"], content.get("status", 400))
        return
    stubber.add_response(method, REPLIES[operation](content), expected)


def _asked(asked: dict[str, Any], exchange: dict[str, Any], members: Any) -> dict[str, Any]:
    # Stubber compares whole requests: what the case does not speak of may be anything.
    always = {
        "CreateChangeSet": (
            *("StackName", "ChangeSetName", "ChangeSetType", "TemplateBody"),
            *("Parameters", "Tags", "Capabilities"),
        ),
        "DescribeChangeSet": ("ChangeSetName",),
    }
    operation = next(name for name in exchange if name != "asked")
    assert asked.keys() <= set(members)
    named = {key: ANY if value == "ANY" else value for key, value in asked.items()}
    return dict.fromkeys(always.get(operation, ()), ANY) | named


def _stacks(content: dict[str, Any]) -> dict[str, Any]:
    tags = {"team": "harbour"} | ({"pratique:fence": content["fence"]} if "fence" in content else {})
    stack = {
        "StackId": STACK_ID,
        "StackName": DESIRED.name,
        "CreationTime": WHEN,
        "StackStatus": content["status"],
        "StackStatusReason": content.get("reason", ""),
        "Parameters": [{"ParameterKey": "Password", "ParameterValue": "****"}],
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in content.get("outputs", {}).items()],
    }
    return {"Stacks": [stack]}


def _events(content: list[list[str]]) -> dict[str, Any]:
    return {"StackEvents": [_event(*event) for event in content]}


def _event(number: str, status: str, name: str, reason: str = "") -> dict[str, Any]:
    of_stack = name == "stack"
    return {
        "StackId": STACK_ID,
        "EventId": number,
        "StackName": DESIRED.name,
        "LogicalResourceId": name,
        "PhysicalResourceId": STACK_ID if of_stack else f"physical-{name}",
        "ResourceType": "AWS::CloudFormation::Stack" if of_stack else "AWS::Some::Type",
        "Timestamp": WHEN,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def _change_set(content: dict[str, Any]) -> dict[str, Any]:
    changes = [
        {
            "Type": "Resource",
            "ResourceChange": {"Action": action, "LogicalResourceId": name, "ResourceType": "T", "Scope": scope},
        }
        for action, name, *scope in content.get("changes", [])
    ]
    fields = {key: value for key, value in content.items() if key != "changes"}
    return {"ChangeSetId": "arn:changeSet/mine", "StackId": STACK_ID, "Changes": changes} | fields


def _listed(content: list[list[str]]) -> dict[str, Any]:
    mine = name_for(DESIRED, FENCE)
    return {
        "Summaries": [
            {
                "ChangeSetId": f"arn:changeSet/{name}",
                "ChangeSetName": mine if name == "mine" else name,
                "StackId": STACK_ID,
                "Status": "CREATE_COMPLETE",
                "ExecutionStatus": status,
            }
            for name, status in content
        ]
    }


REPLIES = {
    "DescribeStacks": _stacks,
    "DescribeStackEvents": _events,
    "DescribeChangeSet": _change_set,
    "ListChangeSets": _listed,
    "GetTemplate": lambda which: {"TemplateBody": TEMPLATE if which == "same" else "Resources: {Old: {Type: T}}"},
    "CreateChangeSet": lambda _: {"Id": "arn:changeSet/mine", "StackId": STACK_ID},
    "ExecuteChangeSet": lambda _: {},
    "DeleteChangeSet": lambda _: {},
    "DeleteStack": lambda _: {},
}
