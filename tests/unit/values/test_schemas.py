"""The published schemas of rulings and of the input of policies are those that the code has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pratique.decisions.policy_example import document
from pratique.values.facts import Facts
from pratique.values.ruling import RULINGS

DOCS = Path(__file__).parents[3] / "docs"
CODED = {"policy-input": Facts.model_json_schema(), "ruling": RULINGS.json_schema()}


@pytest.mark.parametrize("name", CODED)
def test_the_published_schema_is_that_of_the_value(name: str) -> None:
    published: dict[str, Any] = json.loads((DOCS / f"{name}.schema.json").read_text())
    assert {"$schema": Draft202012Validator.META_SCHEMA["$id"], **CODED[name]} == published


def test_the_input_in_which_all_is_well_keeps_the_schema() -> None:
    published: dict[str, Any] = json.loads((DOCS / "policy-input.schema.json").read_text())
    Draft202012Validator(published).validate(Facts.model_validate(document()).model_dump(mode="json"))
