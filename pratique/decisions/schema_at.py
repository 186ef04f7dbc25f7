"""What a model's JSON Schema says of one place in a document."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from pratique.values.problems import Path

Schema = Mapping[str, Any]


def schema_at(model: type[BaseModel], path: Path) -> Schema:
    """The schema of what stands at `path`, references and "or null" resolved; empty where nothing is known of it."""
    whole = _schema(model)
    node = _resolved(whole, whole)
    for part in path:
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part) or next(iter(node.get("patternProperties", {}).values()), {})
        node = _resolved(node, whole)
    return node


def _resolved(node: Schema, whole: Schema) -> Schema:
    for choice in node.get("anyOf", ()):
        if choice.get("type") != "null":
            node = {**choice, **{key: value for key, value in node.items() if key != "anyOf"}}
            break
    if "$ref" in node:
        named = whole["$defs"][node["$ref"].rsplit("/", maxsplit=1)[-1]]
        node = {**named, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


@functools.cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()
