"""Reading a stack: what it is, as our values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pratique.clients.cloudformation.errors import is_missing
from pratique.errors import FenceLost, Refused
from pratique.values._base import Value
from pratique.values.stack import FENCE_TAG, CurrentStack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


class StackState(Value):
    """What `DescribeStacks` says, as far as we use it."""

    id: str
    name: str
    status: str
    reason: str = ""
    parameters: dict[str, str]
    tags: dict[str, str]
    outputs: dict[str, str]

    def require_fence(self, fence: int) -> None:
        """Refuse with `FenceLost` where a newer holder of the environment's lock has changed the stack."""
        written = self.tags.get(FENCE_TAG, "0")
        if not written.isdecimal():
            raise Refused(f"stack {self.name}: its tag {FENCE_TAG} is {written!r}, which is no fence: remove the tag")
        if int(written) > fence:
            raise FenceLost(
                f"stack {self.name} was changed under fence {written} and ours is {fence}, so a newer promotion holds the "
                "environment (where the ledger was lost or restored, raise its fence: docs/runbook.md)"
            )


def look(client: CloudFormationClient, name_or_id: str) -> StackState | None:
    """The stack, or None where there is none."""
    try:
        stacks = client.describe_stacks(StackName=name_or_id)["Stacks"]
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    return _state(stacks[0]) if stacks else None


def current(client: CloudFormationClient, state: StackState) -> CurrentStack:
    """The stack together with its template."""
    # botocore hands a JSON template over parsed, whatever its type information says.
    body: object = client.get_template(StackName=state.id, TemplateStage="Original").get("TemplateBody", "")
    template = body if isinstance(body, str) else json.dumps(body)
    return CurrentStack(status=state.status, template=template, parameters=state.parameters, tags=state.tags)


def _state(stack: StackTypeDef) -> StackState:
    return StackState(
        id=stack.get("StackId", stack["StackName"]),
        name=stack["StackName"],
        status=stack["StackStatus"],
        reason=stack.get("StackStatusReason", ""),
        parameters={entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in stack.get("Parameters", [])},
        tags={entry["Key"]: entry["Value"] for entry in stack.get("Tags", [])},
        outputs={entry["OutputKey"]: entry.get("OutputValue", "") for entry in stack.get("Outputs", [])},
    )
