"""Digests, durations, secret references and names: what is read, and what is not."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import TypeAdapter, ValidationError

from pratique.values.digest import Digest
from pratique.values.duration import Duration, Span, format_duration, parse_duration
from pratique.values.names import CommitId, Name
from pratique.values.recurrence import LocalStart, RecurrenceRule, ZoneName
from pratique.values.references import EnvironmentSecretText, SecretReference, SecretText
from pratique.values.relocation import RepositoryPattern
from pratique.values.sections import RelativePath, Version, WritablePath

CASES: dict[str, dict[str, list[Any]]] = json.loads((Path(__file__).parents[2] / "cases/spellings.json").read_text())
KINDS: dict[str, Any] = {
    "digest": Digest,
    "commit id": CommitId,
    "name": Name,
    "duration": Duration,
    "span": Span,
    "secret": SecretText,
    "secret for environments": EnvironmentSecretText,
    "path inside": RelativePath,
    "path in a container": WritablePath,
    "version": Version,
    "recurrence rule": RecurrenceRule,
    "local start": LocalStart,
    "time zone": ZoneName,
    "repository pattern": RepositoryPattern,
}


def rows(column: str) -> list[Any]:
    return [pytest.param(kind, text, id=f"{kind}-{text!r:.40}") for kind, table in CASES.items() for text in table[column]]


def test_every_kind_has_its_table() -> None:
    assert CASES.keys() == KINDS.keys()
    assert all(table["good"] and table["bad"] for table in CASES.values())


@pytest.mark.parametrize(("kind", "text"), rows("good"))
def test_a_good_spelling_is_read_and_written_again(kind: str, text: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(KINDS[kind])
    value = adapter.validate_python(text)
    assert adapter.validate_python(adapter.dump_python(value, mode="json")) == value


@pytest.mark.parametrize(("kind", "text"), rows("bad"))
def test_a_bad_spelling_is_no_value(kind: str, text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(KINDS[kind]).validate_python(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("7d", 604800), ("0s", 0), ("0.001s", 0.001)]
)
def test_a_duration_is_its_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@given(some.integers(0, 999_999))
def test_a_duration_written_is_the_duration_read(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


def test_a_reference_knows_its_parts() -> None:
    reference = SecretReference.parse("vault:team-kv/data/hello/dev#db.password@12")
    assert (reference.mount, reference.path, reference.key, reference.version) == ("team-kv", "hello/dev", "db.password", 12)


def test_an_environment_is_put_into_every_place_it_is_named() -> None:
    reference = SecretReference.parse_for_environments("vault:kv/data/${environment}/app-${environment}#key")
    assert str(reference.in_environment("prod-eu")) == "vault:kv/data/prod-eu/app-prod-eu#key"
