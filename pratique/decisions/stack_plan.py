"""What applying a stack would change: from what it should be, what it is, and what CloudFormation lists.

The list alone is not trusted: some endpoints list nothing for an update that only changes a parameter.
The comparison alone is not trusted either: values that CloudFormation resolves itself are not in it.
"""

from __future__ import annotations

import re
from typing import Literal

from pratique.decisions.stack_status import Standing, standing
from pratique.decisions.stack_template import Template, read_template
from pratique.errors import Invalid
from pratique.values.plan import Change, StackPlan
from pratique.values.stack import OUR_TAGS, CurrentStack, DesiredStack, ListedChange, Listing

_STACK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}\Z")
_MASK = "****"

_ACTIONS: dict[str, Literal["create", "update", "remove"]] = {"Add": "create", "Import": "create", "Remove": "remove"}


def require_sound(stack: DesiredStack) -> Template:
    """Its template, once name, template and parameters fit together; `Invalid` otherwise."""
    if not _STACK_NAME.match(stack.name):
        remedy = "letters, digits and hyphens, 128 at most: shorten the names of service, environment or stack"
        raise Invalid(f"stack {stack.name}", "CloudFormation takes no such name", remedy)
    place = f"stack {stack.name}"
    template = read_template(place, stack.template)
    known = ", ".join(sorted(template.parameters)) or "none"
    if unknown := sorted(set(stack.parameters) - set(template.parameters)):
        raise Invalid(place, f"the template has no parameter {', '.join(unknown)}", f"known: {known}")
    if missing := sorted(template.required - set(stack.parameters)):
        raise Invalid(place, f"no value for parameter {', '.join(missing)}", "give one, or a Default in the template")
    return template


def all_parameters(stack: DesiredStack) -> dict[str, str]:
    """Every parameter with its value, defaults spelled out: what is left out of an update may mean "as before"."""
    declared = require_sound(stack).parameters
    return {name: stack.parameters.get(name, str(has.get("Default", ""))) for name, has in sorted(declared.items())}


def differences(desired: DesiredStack, current: CurrentStack) -> tuple[str, ...]:
    """What differs, one line each. Parameters absent from `desired` take their default; our own tags are no difference.

    A `NoEcho` parameter is never shown; where CloudFormation masks it, it cannot be compared, and only the list tells.
    """
    wanted = require_sound(desired)
    lines = [] if _reads_like(wanted, current.template) else ["template"]
    for name, value in all_parameters(desired).items():
        now = current.parameters.get(name)
        if now == value or (name in wanted.unechoed and now == _MASK):
            continue
        shown = "a new value, not shown" if name in wanted.unechoed else f"{_told(now)} → {_told(value)}"
        lines.append(f"parameter {name}: {shown}")
    lines += [f"parameter {name}: removed" for name in sorted(set(current.parameters) - set(wanted.parameters))]
    for name in sorted(desired.tags.keys() | current.tags.keys()):
        before, after = current.tags.get(name), desired.tags.get(name)
        if before != after and not name.startswith((OUR_TAGS, "aws:")):
            lines.append(f"tag {name}: {_told(before)} → {_told(after)}")
    return tuple(lines)


def is_needed(different: tuple[str, ...], listing: Listing) -> bool:
    """Whether executing the change set would change anything that was asked for.

    CloudFormation has the last word where it finds nothing. A list of nothing but tags, where no tag was
    was to change, are our own tags on their way into every resource: no reason to touch them.
    """
    if listing.unchanged:
        return False
    return bool(different) or any(change.scope != ("Tags",) for change in listing.changes)


def plan_stack(desired: DesiredStack, current: CurrentStack | None, listing: Listing) -> StackPlan:
    """The plan: the stack itself first, with everything that differs, then each resource that CloudFormation lists."""
    resources = tuple(_resource(desired.name, change) for change in listing.changes)
    status = current.status if current else None
    if current is None or standing(status) is Standing.ABSENT:
        head = Change(kind="stack", name=desired.name, action="create", detail=_parameters(desired))
    elif standing(status) is Standing.STILLBORN:
        detail = f"its creation failed, so it is deleted and made anew; {_parameters(desired)}"
        head = Change(kind="stack", name=desired.name, action="replace", detail=detail)
    else:
        different = differences(desired, current)
        if not is_needed(different, listing):
            return StackPlan(stack=desired.name, reason=no_need(desired.name), desired=desired.digest)
        detail = "; ".join(different) or "values that CloudFormation resolves itself"
        head = Change(kind="stack", name=desired.name, action="update", detail=detail)
    return StackPlan(stack=desired.name, changes=(head, *resources), desired=desired.digest)


def no_need(name: str) -> str:
    """Why there is nothing to do."""
    return f"nothing to do, because stack {name} is as desired: CloudFormation finds no change in template, parameters or tags"


def _reads_like(wanted: Template, text: str) -> bool:
    try:
        return wanted.content == read_template("the stack as it is", text).content
    except Invalid:
        return False  # made by other means, such as a larger template uploaded to S3


def _resource(stack: str, change: ListedChange) -> Change:
    name, kind = f"{stack}/{change.logical_id}", change.resource_type
    if change.action == "Modify" and change.replacement != "False":
        perhaps = "perhaps " if change.replacement == "Conditional" else ""
        return Change(kind="stack", name=name, action="replace", detail=f"{kind}, {perhaps}made anew and the old one removed")
    scope = f": {', '.join(change.scope)}" if change.scope else ""
    return Change(kind="stack", name=name, action=_ACTIONS.get(change.action, "update"), detail=f"{kind}{scope}")


def _parameters(desired: DesiredStack) -> str:
    unechoed = require_sound(desired).unechoed
    values = [f"{name}={_MASK if name in unechoed else value}" for name, value in sorted(desired.parameters.items())]
    return f"parameters: {', '.join(values)}" if values else "without parameters"


def _told(value: str | None) -> str:
    return "none" if value is None else value or "empty"
