"""`pratique.yaml` read and judged: a manifest, or one error that names every problem, its line and its remedy.

>>> read_manifest(b"version: 2", "pratique.yaml")
Traceback (most recent call last):
...
pratique.errors.Invalid: pratique.yaml:1:1 service: the key `service` is missing ...
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from pratique.decisions.manifest_problems import problems_of
from pratique.decisions.strict_yaml import read_document
from pratique.errors import Invalid
from pratique.values.duration import format_duration
from pratique.values.manifest import Manifest

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID = "urn:pratique:manifest:1"

Model = TypeVar("Model", bound=BaseModel)


def read_manifest(text: bytes, place: str) -> Manifest:
    """The manifest that `text` holds; `place` is the file's name in errors."""
    return read_as(Manifest, text, place)


def read_as(model: type[Model], text: bytes, place: str) -> Model:
    """The YAML document `text` as a `model`; `Invalid` with every problem at its line otherwise."""
    document = read_document(text, place)
    try:
        # Strict: "8080" is no port and `true` no name, as the published schema says too.
        return model.model_validate(document.content, strict=True)
    except ValidationError as error:
        problems = problems_of(error.errors(include_url=False), document, model)
    raise Invalid.all_of(problems)


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `pratique.yaml`, with which editors complete and check it."""
    schema = Manifest.model_json_schema(schema_generator=_Schema)
    return {"$schema": SCHEMA_DIALECT, "$id": SCHEMA_ID, **schema, "title": "pratique.yaml"}


class _Schema(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        # Without this, a name that breaks the pattern of its mapping's keys would pass in an editor.
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made
