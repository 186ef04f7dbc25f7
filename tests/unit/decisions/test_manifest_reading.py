"""`pratique.yaml`: what is read, what is refused, and where each error points."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from pratique.decisions.manifest_problems import SPELLINGS
from pratique.decisions.manifest_reading import manifest_schema, read_manifest
from pratique.decisions.strict_yaml import MOST_BYTES
from pratique.errors import Invalid
from pratique.values.manifest import Manifest

ROOT = Path(__file__).parents[3]
BAD = sorted((ROOT / "tests/cases/bad_manifests").glob("*.yaml"))
EXAMPLE = (ROOT / "examples/hello/pratique.yaml").read_bytes()
SMALLEST = b"""\
version: 1
service: hello
images: [{name: hello}]
workload: {image: hello, port: 8080}
checks: [{name: healthy, http: {path: /healthz}}]
environments: {dev: {}}
"""


def problems(text: bytes) -> tuple[str, ...]:
    with pytest.raises(Invalid) as invalid:
        read_manifest(text, "pratique.yaml")
    assert all(reason.isprintable() for reason in invalid.value.reasons)
    assert all(problem.remedy for problem in invalid.value.problems)
    return invalid.value.reasons


def test_the_table_of_bad_manifests_is_there() -> None:
    assert len(BAD) > 80


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.stem)
def test_a_bad_manifest_is_one_error_at_its_line_with_its_remedy(case: Path) -> None:
    # Below the manifest stands what to expect: `line:column key | remedy`, in the order of the file.
    text, *expected = re.split(r"^# expect: ", case.read_text(), flags=re.MULTILINE)
    with pytest.raises(Invalid) as invalid:
        read_manifest(text.encode(), "pratique.yaml")
    found = [f"{problem.place.removeprefix('pratique.yaml:')} | {problem.remedy}" for problem in invalid.value.problems]
    assert found == [line.strip() for line in expected]
    assert "PLANTED" not in str(invalid.value)
    assert "90417" not in str(invalid.value)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"# only a comment\n", "the file is empty"),
        (b"---\n", "expected keys and values"),
        (b"version: 1\nservice: h\xe9llo\n", "pratique.yaml:2: the file is not UTF-8"),
        ("version: 1\n".encode("utf-16"), "not UTF-8"),
        (b"version: 1\nservice: a\x07b\n", "pratique.yaml:2: the file holds a control character"),
        (b"version: 1\x00", "control character"),
        (SMALLEST + b"#" * MOST_BYTES, "are the most that is read"),
        (b"[" * 100_000, "nested more than"),
        (b"a: " + b"{a: " * 50_000, "nested more than"),
        (b"".join(b" " * depth + b"a:\n" for depth in range(400)), "nested more than"),
        (b"a: [" + b"b," * 60_000 + b"]", "holds more than"),
        (rb'service: "\UFFFFFFFF"', "not YAML"),
        (b"%YAML 3.0\n---\na: 1\n", "not YAML"),
    ],
)
def test_a_file_that_is_no_manifest_at_all_is_one_clear_error(text: bytes, phrase: str) -> None:
    (reason,) = problems(text)
    assert phrase in reason


@pytest.mark.parametrize("width", [2, 10])
def test_aliases_that_multiply_are_refused_before_they_do(width: int) -> None:
    lines = ["version: 1", "l0: &l0 [x, x]"]
    lines += [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * width)}]" for level in range(1, 21)]
    (reason,) = problems("\n".join(lines).encode())
    assert "alias" in reason


def test_no_more_than_a_screen_of_problems_is_listed() -> None:
    keys = "".join(f"unknown{number}: 1\n" for number in range(200))
    reasons = problems(SMALLEST + keys.encode())
    assert len(reasons) == 26
    assert "and 175 more" in reasons[-1]


def test_the_error_survives_pickling_as_task_runners_do_it() -> None:
    with pytest.raises(Invalid) as invalid:
        read_manifest(b"version: 2\nservice: Hello\n", "pratique.yaml")
    copied = pickle.loads(pickle.dumps(invalid.value))  # noqa: S301  our own bytes
    assert (copied.problems, str(copied)) == (invalid.value.problems, str(invalid.value))
    assert len(copied.problems) > 2


@given(some.binary(max_size=400) | some.text(max_size=400).map(lambda text: text.encode(errors="surrogatepass")))
def test_whatever_the_bytes_nothing_but_invalid_is_raised(text: bytes) -> None:
    problems(text)


@given(
    place=some.integers(0, len(EXAMPLE)),
    length=some.integers(0, 12),
    put=some.text("{}[]&*!|>%@`\"'#:,-? \n\tab1$", max_size=6),
)
def test_whatever_happens_to_a_good_file_it_is_read_or_invalid(place: int, length: int, put: str) -> None:
    try:
        read_manifest(EXAMPLE[:place] + put.encode() + EXAMPLE[place + length :], "pratique.yaml")
    except Invalid as invalid:
        remedies = [problem.remedy for problem in invalid.problems]
    else:
        remedies = []
    assert all(remedies)


@pytest.mark.parametrize(
    "text", [SMALLEST, EXAMPLE, b"\xef\xbb\xbf" + SMALLEST, SMALLEST.replace(b"\n", b"\r\n"), b"---\n" + SMALLEST]
)
def test_a_good_manifest_is_read_and_stays_the_same_through_json(text: bytes) -> None:
    manifest = read_manifest(text, "pratique.yaml")
    assert manifest.service == "hello"
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_a_section_may_be_written_once_and_meant_twice() -> None:
    text = SMALLEST.replace(b"{dev: {}}", b"{dev: &same {retries: {attempts: 3}}, prod: *same}")
    environments = read_manifest(text, "pratique.yaml").environments
    assert environments["dev"].retries == environments["prod"].retries


def test_paths_are_spelled_in_one_way() -> None:
    text = SMALLEST.replace(b"{name: hello}", b"{name: hello, context: ./app//src/}")
    assert read_manifest(text, "pratique.yaml").images[0].context == "app/src"


def test_the_published_schema_is_the_one_that_is_made() -> None:
    published = (ROOT / "docs/pratique.schema.json").read_text()
    assert published == json.dumps(manifest_schema(), indent=2, ensure_ascii=False) + "\n", "run `pratique schema`"


def validator() -> Any:
    schema = manifest_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_editors_accept_what_is_accepted() -> None:
    for text in (SMALLEST, EXAMPLE):
        validator().validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "case",
    ["number-as-text", "unknown-key", "missing-key", "no-checks", "capital-environment", "port-large", "overlay-changes-user"],
)
def test_editors_refuse_what_a_schema_can_refuse(case: str) -> None:
    text = (ROOT / f"tests/cases/bad_manifests/{case}.yaml").read_text()
    assert not validator().is_valid(yaml.safe_load(text))


def nodes(schema: Any) -> list[dict[str, Any]]:
    below = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return [schema] * isinstance(schema, dict) + [node for part in below for node in nodes(part)]


def test_every_key_is_described_and_every_default_is_in_its_own_spelling() -> None:
    schema = manifest_schema()
    sections = [schema, *schema["$defs"].values()]
    assert all(section.get("description") for section in sections)
    assert schema["$defs"]["WorkloadSection"]["properties"]["drain"]["default"] == "5s"
    assert not any(str(node.get("default", "")).startswith("PT") for node in nodes(schema))


def test_every_pattern_has_words_for_what_to_write() -> None:
    own = ("vault:", "[0-9]{1,6}", "2[01]")  # references, durations and local times say it themselves
    patterns = {node["pattern"] for node in nodes(manifest_schema()) if isinstance(node.get("pattern"), str)}
    patterns |= {pattern for node in nodes(manifest_schema()) for pattern in node.get("patternProperties", {})}
    assert {pattern for pattern in patterns if not pattern.startswith(tuple(f"^{start}" for start in own))} == set(SPELLINGS)
