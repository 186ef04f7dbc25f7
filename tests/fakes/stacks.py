"""CloudFormation in memory, keeping the contract of `Stacks`: it knows `AWS::SSM::Parameter`, `Ref` and `Fn::Sub`."""

from __future__ import annotations

from typing import Any

from pratique.clients.ports import Log
from pratique.decisions.stack_plan import differences, no_need, plan_stack, require_sound
from pratique.decisions.stack_template import Template, read_template
from pratique.errors import FenceLost
from pratique.values.plan import StackPlan
from pratique.values.stack import FENCE_TAG, CurrentStack, DesiredStack, ListedChange, Listing


class FakeStacks:
    """Stacks that are changed at once, and never fail."""

    def __init__(self) -> None:
        self.stacks: dict[str, CurrentStack] = {}
        self.parameters: dict[str, str] = {}
        """The SSM parameters that exist: name → value."""
        self.applied: list[tuple[str, int]] = []
        """Each real change: stack and fence."""

    def plan(self, stack: DesiredStack) -> StackPlan:
        wanted, current = require_sound(stack), self.stacks.get(stack.name)
        found = read_template(stack.name, current.template).content["Resources"] if current else {}
        changes = []
        for name, resource in wanted.content["Resources"].items():
            if found.get(name) != resource:
                action = "Modify" if name in found else "Add"
                changes.append(ListedChange(action=action, logical_id=name, resource_type=resource["Type"]))
        changes += [
            ListedChange(action="Remove", logical_id=name, resource_type=resource["Type"])
            for name, resource in found.items()
            if name not in wanted.content["Resources"]
        ]
        return plan_stack(stack, current, Listing(changes=tuple(changes)))

    def apply(self, stack: DesiredStack, fence: int, log: Log) -> dict[str, str]:
        template, current = require_sound(stack), self.stacks.get(stack.name)
        if current and int(current.tags[FENCE_TAG]) > fence:
            raise FenceLost(f"stack {stack.name} was changed under fence {current.tags[FENCE_TAG]}")
        if current and not differences(stack, current):
            log(no_need(stack.name))
            return self.outputs(stack.name)
        if current:
            self._forget(current)
        values = {name: str(has.get("Default", "")) for name, has in template.parameters.items()} | stack.parameters
        self.stacks[stack.name] = CurrentStack(
            status="UPDATE_COMPLETE" if current else "CREATE_COMPLETE",
            template=stack.template,
            parameters=values,
            tags=stack.tags | {FENCE_TAG: str(fence)},
        )
        self.parameters |= _ssm_parameters(template, values)
        self.applied.append((stack.name, fence))
        log(f"{self.stacks[stack.name].status} {stack.name} (AWS::CloudFormation::Stack)")
        return self.outputs(stack.name)

    def outputs(self, name: str) -> dict[str, str]:
        current = self.stacks.get(name)
        if current is None:
            return {}
        template = read_template(name, current.template)
        outputs = template.content.get("Outputs", {})
        return {key: _resolved(output["Value"], template, current.parameters) for key, output in outputs.items()}

    def delete(self, name: str) -> None:
        current = self.stacks.pop(name, None)
        if current:
            self._forget(current)

    def _forget(self, current: CurrentStack) -> None:
        for name in _ssm_parameters(read_template("stack", current.template), current.parameters):
            del self.parameters[name]


def _ssm_parameters(template: Template, values: dict[str, str]) -> dict[str, str]:
    resources = [resource["Properties"] for resource in template.content["Resources"].values()]
    return {_resolved(has["Name"], template, values): _resolved(has["Value"], template, values) for has in resources}


def _resolved(content: Any, template: Template, values: dict[str, str]) -> str:
    match content:
        case {"Ref": name} if name in values:
            return values[name]
        case {"Ref": name}:
            return _resolved(template.content["Resources"][name]["Properties"]["Name"], template, values)
        case {"Fn::Sub": text}:
            for name, value in values.items():
                text = text.replace(f"${{{name}}}", value)
            return str(text)
        case _:
            return str(content)
