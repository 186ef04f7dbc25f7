"""moto's server, its CloudFormation change sets made to do what AWS's do: `python -m pratique.local.aws_endpoint -p PORT`.

moto 5.2 executes a change set without taking over its outputs, tags and parameters into the stack:
outputs stay empty for ever, a fence could not be read back, and going back to the first parameters would be "no change".
It also overlooks a parameter that a resource uses through `Fn::Sub`, so its new value would not arrive.
What else it does and AWS does not (it lists no changes for an update of parameters only) is left as it is.
"""

from __future__ import annotations

import re
from functools import wraps
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.server import main

_create = CloudFormationBackend.create_change_set
_execute = CloudFormationBackend.execute_change_set
_references = parsing.get_references_from_template
_compare = CloudFormationResponse._validate_different_update  # noqa: SLF001  moto offers no other place for these


@wraps(_create)
def create_change_set(
    backend: CloudFormationBackend, *, stack_name: str, change_set_type: str, **asked: Any
) -> tuple[str, str]:
    """A change set. Of creations there is one stack under review per name, and not one for each."""
    if change_set_type == "CREATE":
        for stack in [*backend.stacks.values()]:
            if stack.name == stack_name and stack.status == "REVIEW_IN_PROGRESS":
                del backend.stacks[stack.stack_id]
    ids: tuple[str, str] = _create(backend, stack_name=stack_name, change_set_type=change_set_type, **asked)
    change_set = backend.change_sets[ids[0]]
    if change_set.status == "FAILED" and change_set.tags != change_set.stack.tags:
        change_set.status, change_set.execution_status, change_set.status_reason = "CREATE_COMPLETE", "AVAILABLE", None
    return ids


@wraps(_execute)
def execute_change_set(backend: CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:
    """Execute it, and let the stack be what the change set says."""
    change_set = backend.describe_change_set(change_set_name)
    _execute(backend, change_set_name, stack_name)
    if change_set is not None:
        stack = change_set.stack
        stack.parameters, stack.tags = change_set.parameters, change_set.tags or {}
        stack._parse_template()  # noqa: SLF001
        stack.output_map = stack._create_output_map()  # noqa: SLF001


@wraps(_compare)
def compare(request: CloudFormationResponse, parameters: list[dict[str, Any]] | None, template: str, old: Stack) -> None:
    """Refuse an update without changes; other tags are changes."""
    if {entry["Key"]: entry["Value"] for entry in request._get_param("Tags", [])} == old.tags:  # noqa: SLF001
        _compare(request, parameters, template, old)


@wraps(_references)
def references(content: Any) -> list[str]:
    """Every name that this part of a template refers to."""
    names: list[str] = _references(content)
    if isinstance(content, dict) and "Fn::Sub" in content:
        text = content["Fn::Sub"]
        names += re.findall(r"\$\{([A-Za-z0-9]+)", text[0] if isinstance(text, list) else text)
    return names


if __name__ == "__main__":
    for owner, better in (
        (CloudFormationBackend, create_change_set),
        (CloudFormationBackend, execute_change_set),
        (CloudFormationResponse, compare),
        (parsing, references),
    ):
        setattr(owner, better.__name__, better)
    main()
