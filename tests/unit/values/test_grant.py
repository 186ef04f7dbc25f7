"""The published schema of a grant is the one that the code has."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from pratique.values.grant import Grant
from tests.fakes.grants import granted
from tests.fakes.stored_release import stored_release

PUBLISHED = json.loads((Path(__file__).parents[3] / "docs" / "grant.schema.json").read_text())


def test_the_published_schema_is_that_of_the_value() -> None:
    assert {"$schema": Draft202012Validator.META_SCHEMA["$id"], **Grant.model_json_schema()} == PUBLISHED


def test_a_grant_as_it_is_signed_keeps_the_schema() -> None:
    grant = granted(stored_release(), "dev", 0, {})
    Draft202012Validator(PUBLISHED).validate(grant.model_dump(mode="json"))
