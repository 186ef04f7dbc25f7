"""What a CloudFormation template declares, read without asking AWS.

YAML and JSON, short (`!Ref a`) and full (`Ref: a`) spellings read alike.
Scalars stay text, as CloudFormation treats them, so `"1"` and `1` are the same.
Format: docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml

from pratique.errors import Invalid
from pratique.values._base import Value

MOST_BYTES = 51_200
"""What CloudFormation takes in a request; larger ones must be uploaded to S3 first."""


class Template(Value):
    """A template's content and what can be asked of it."""

    content: dict[str, Any]

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """Each declared parameter with its properties."""
        return _section(self.content, "Parameters")

    @property
    def required(self) -> frozenset[str]:
        """The parameters without a default."""
        return frozenset(name for name, properties in self.parameters.items() if "Default" not in properties)

    @property
    def unechoed(self) -> frozenset[str]:
        """The parameters whose values are never shown (`NoEcho`)."""
        return frozenset(name for name, has in self.parameters.items() if str(has.get("NoEcho", "")).lower() == "true")

    @property
    def resource_types(self) -> tuple[str, ...]:
        """The type of each resource."""
        return tuple(str(properties.get("Type", "")) for properties in _section(self.content, "Resources").values())

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What creating it must acknowledge: only what the template itself shows to whoever reviews it.

        Roles that a macro or a nested stack would add unseen are not acknowledged, so AWS refuses them by name.
        """
        named_iam = any(kind.startswith("AWS::IAM::") for kind in self.resource_types)
        expands = "Transform" in self.content
        return ("CAPABILITY_NAMED_IAM",) * named_iam + ("CAPABILITY_AUTO_EXPAND",) * expands


@lru_cache(maxsize=64)
def read_template(place: str, text: str) -> Template:
    """The template in `text`; `Invalid`, naming `place`, where CloudFormation could make nothing of it.

    Remembered, because a promotion asks for the same one several times; nobody changes what it holds.
    """
    size = len(text.encode())
    if size > MOST_BYTES:
        remedy = "split it into several stacks, which keeps each plan small enough to review"
        raise Invalid(place, f"the template has {size:,} bytes, and CloudFormation takes {MOST_BYTES:,}", remedy)
    try:
        content = _content(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise Invalid(place, f"the template is not YAML{where}: {getattr(error, 'problem', None) or 'unreadable'}") from None
    except RecursionError:
        raise Invalid(place, "the template is nested too deeply") from None
    if not isinstance(content, dict):
        raise Invalid(place, "the template is not a mapping", "start it with AWSTemplateFormatVersion, Parameters, Resources")
    for section in ("Parameters", "Resources"):
        for name, properties in _section(content, section, place).items():
            if not isinstance(properties, dict) or not properties.get("Type"):
                raise Invalid(place, f"{section}.{name} has no Type")
    if not content.get("Resources"):
        raise Invalid(place, "the template has no Resources", "declare at least one")
    return Template(content=content)


def _content(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            # JSON that is indented with tabs is no YAML.
            return _as_text(json.loads(text, parse_int=str, parse_float=str))
        except ValueError:
            pass  # a YAML mapping in braces starts the same way
    return yaml.load(text, Loader=_TemplateLoader)  # noqa: S506  it only ever makes text, lists and mappings


def _as_text(content: Any) -> Any:
    match content:
        case dict():
            return {name: _as_text(value) for name, value in content.items()}
        case list():
            return [_as_text(value) for value in content]
        case bool():
            return str(content).lower()
        case _:
            return "" if content is None else content


def _section(content: Mapping[str, Any], name: str, place: str = "template") -> dict[str, Any]:
    section = content.get(name) or {}
    if not isinstance(section, dict):
        raise Invalid(place, f"{name} is not a mapping")
    return section


class _TemplateLoader(yaml.BaseLoader):
    """Text, lists and mappings, with CloudFormation's short intrinsic functions spelled out."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        # CloudFormation refuses aliases too; expanded, nine lines of them can fill the memory.
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "YAML aliases are not allowed", None)
        return super().compose_node(parent, index)


def _spelled_out(loader: _TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    content: Any
    if isinstance(node, yaml.ScalarNode):
        content = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        content = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        content = loader.construct_mapping(node, deep=True)
    else:
        raise yaml.constructor.ConstructorError(None, None, f"!{suffix} has nothing to work on", node.start_mark)
    if suffix == "GetAtt" and isinstance(content, str):
        content = content.split(".", maxsplit=1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": content}


_TemplateLoader.add_multi_constructor("!", _spelled_out)
