from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique.decisions.dsse import pre_authentication_encoding, read_statement, strict_base64, strict_json
from pratique.errors import Invalid
from pratique.values.evidence import Statement

ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"digest": {"sha256": "a" * 64}}],
    "predicateType": "https://example.test/p",
    "predicate": {},
}


def test_the_encoding_is_the_one_of_the_protocols_own_example() -> None:
    assert pre_authentication_encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_lengths_count_bytes_and_not_characters() -> None:
    assert pre_authentication_encoding("ü", "é€".encode()) == b"DSSEv1 2 \xc3\xbc 5 \xc3\xa9\xe2\x82\xac"


@settings(ANY_SPEED)
@given(st.binary(max_size=200))
def test_the_one_standard_spelling_is_read(content: bytes) -> None:
    assert strict_base64(base64.b64encode(content).decode()) == content


@pytest.mark.parametrize("text", ["YQ", "YQ=", "YR==", " YQ==", "YQ==\n", "Y-__", "YQ==YQ==", "é", "YQ==="])
def test_any_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64|ASCII"):
        strict_base64(text)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"a": 1, "a": 2}',
        b'[{"b": {"a": 1, "a": 1}}]',
        b"[NaN]",
        b"[-Infinity]",
        b"[1e999]",
        b'["\\ud800"]',
        b'{"\\udfff": 1}',
        b"\xff",
        '{"a": 1}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 10_000,
    ],
)
def test_json_that_two_readers_could_read_differently_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own text; that nothing else is raised is the point
        strict_json(content)


@pytest.mark.parametrize("version", ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"])
def test_both_versions_of_a_statement_are_read_and_unknown_fields_kept(version: str) -> None:
    statement = read_statement(json.dumps(STATEMENT | {"_type": version, "extra": 1}).encode())
    assert statement.type == version
    assert json.loads(statement.payload())["extra"] == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"_type": None}, "_type"),
        ({"_type": "https://in-toto.io/Statement/v2"}, "_type"),
        ({"subject": []}, "subject"),
        ({"subject": [{"digest": "a"}]}, r"subject\.0\.digest"),
        ({"subject": [{"digest": {"sha256": 1}}]}, r"digest\.sha256"),
        ({"subject": [{}]}, "digest"),
        ({"predicateType": 3}, "predicateType"),
        ({"predicate": []}, "predicate"),
    ],
)
def test_what_is_no_statement_is_invalid_and_names_the_field(change: dict[str, object], problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        read_statement(json.dumps(STATEMENT | change).encode())


@pytest.mark.parametrize("missing", ["_type", "subject", "predicateType"])
def test_a_statement_says_what_it_is_itself(missing: str) -> None:
    with pytest.raises(Invalid, match=missing):
        read_statement(json.dumps({key: value for key, value in STATEMENT.items() if key != missing}).encode())


@pytest.mark.parametrize("payload", [b"[]", b'"_type"', b"null", b"1", b""])
def test_other_json_is_no_statement(payload: bytes) -> None:
    with pytest.raises(Invalid):
        read_statement(payload)


@settings(ANY_SPEED)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_statement_or_invalid(payload: bytes) -> None:
    with contextlib.suppress(Invalid):
        assert isinstance(read_statement(payload), Statement)
