"""Change sets: made, read, and deleted again.

They are found by their id, never by their name alone: names are unique per stack at AWS, but not at every endpoint.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from pratique.clients.cloudformation.errors import finds_no_changes, message_of
from pratique.clients.cloudformation.looking import StackState
from pratique.clients.pauses import pause
from pratique.decisions.stack_plan import all_parameters, require_sound
from pratique.errors import Refused, Transient
from pratique.values._base import Value
from pratique.values.digest import canonical_json, digest_of, hex_of
from pratique.values.stack import DesiredStack, ListedChange, Listing

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ChangeTypeDef

NOTHING = Listing(unchanged=True)

_BEING_MADE = ("CREATE_PENDING", "CREATE_IN_PROGRESS")


class ChangeSet(Value):
    """A change set that can be executed."""

    id: str
    stack_id: str
    listing: Listing


def name_for(stack: DesiredStack, fence: int) -> str:
    """One name for one content under one fence: what a killed run left is found again, and never another's."""
    content = digest_of(canonical_json([stack.digest, stack.tags]))
    return f"pratique-{fence}-{hex_of(content)[:32]}"


def adopted(client: CloudFormationClient, state: StackState, name: str) -> str | None:
    """The id of the stack's change set of that name which a run that was killed left behind; a useless one is deleted."""
    pages = client.get_paginator("list_change_sets").paginate(StackName=state.id)
    for summary in (summary for page in pages for summary in page.get("Summaries", [])):
        if summary.get("ChangeSetName") != name or summary.get("StackId") != state.id:
            continue
        if summary.get("ExecutionStatus") == "AVAILABLE" or summary.get("Status") in _BEING_MADE:
            return summary["ChangeSetId"]
        client.delete_change_set(ChangeSetName=summary["ChangeSetId"])
    return None


def make(
    client: CloudFormationClient,
    stack: DesiredStack,
    kind: Literal["CREATE", "UPDATE"],
    name: str,
    tags: dict[str, str],
) -> tuple[str, str] | None:
    """The ids of a new change set and of its stack; None where the endpoint finds no changes at once."""
    try:
        answer = client.create_change_set(
            StackName=stack.name,
            ChangeSetName=name,
            ChangeSetType=kind,
            TemplateBody=stack.template,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in all_parameters(stack).items()],
            Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())],
            Capabilities=[*require_sound(stack).capabilities],  # type: ignore[list-item]  # ours are two of theirs
        )
    except ClientError as error:
        if finds_no_changes(message_of(error)):
            return None
        raise
    return answer["Id"], answer["StackId"]


def read(client: CloudFormationClient, change_set_id: str, place: str, *, poll: float, until: float) -> ChangeSet:
    """The change set once AWS has worked it out; `until` is in `time.monotonic` seconds."""
    while (answer := client.describe_change_set(ChangeSetName=change_set_id))["Status"] in _BEING_MADE:
        if time.monotonic() > until:
            raise Transient(f"{place}: its change set is not ready yet")
        pause(poll)
    stack_id = answer["StackId"]
    if answer["Status"] == "FAILED" and finds_no_changes(answer.get("StatusReason", "")):
        return ChangeSet(id=change_set_id, stack_id=stack_id, listing=NOTHING)
    if answer["Status"] != "CREATE_COMPLETE":
        raise Refused(f"{place}: no change set could be made: {answer.get('StatusReason') or answer['Status']}")
    changes = [*answer.get("Changes", [])]
    while token := answer.get("NextToken"):
        answer = client.describe_change_set(ChangeSetName=change_set_id, NextToken=token)
        changes += answer.get("Changes", [])
    return ChangeSet(id=change_set_id, stack_id=stack_id, listing=Listing(changes=tuple(map(_listed, changes))))


def _listed(change: ChangeTypeDef) -> ListedChange:
    resource = change.get("ResourceChange", {})
    return ListedChange(
        action=resource.get("Action", "Dynamic"),
        logical_id=resource.get("LogicalResourceId", "unnamed"),
        resource_type=resource.get("ResourceType", "unknown"),
        replacement=resource.get("Replacement", "False"),
        scope=tuple(resource.get("Scope", [])),
    )
