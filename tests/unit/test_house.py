"""The rules of the house that a program can hold: what flows look like, what words code uses, what a wheel carries."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

ROOT = Path(__file__).parents[2]
FLOWS = sorted((ROOT / "flows").glob("*.py"))
PRODUCT = sorted(file for folder in ("pratique", "flows", "tasks") for file in (ROOT / folder).rglob("*.py"))
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())["deployments"]

LONGEST_FLOW = 80
LONGEST_MODULE = 300
"""Lines."""

SYNONYMS = ("stage", "freight", "artifact_bundle", "deploy_unit", "deployment_unit", "utils", "helpers", "manager", "common")
"""Words that the design has a better one for, or that say nothing."""


def named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def loaded(entrypoint: str) -> Flow[..., Any]:
    path, function = entrypoint.split(":")
    # A placeholder would stand in for a flow that cannot be imported; a worker would find out later.
    return load_flow_from_entrypoint(f"{ROOT / path}:{function}", use_placeholder_flow=False)


@pytest.mark.parametrize("file", FLOWS, ids=named)
def test_a_flow_is_a_page_named_by_a_verb_that_catches_nothing(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) < LONGEST_FLOW
    assert [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Try | ast.TryStar)] == []
    module = ast.parse(text)
    assert file.stem in {node.name for node in module.body if isinstance(node, ast.AsyncFunctionDef)}
    assert (ast.get_docstring(module) or "").startswith(f"{file.stem.capitalize()}: ")


@pytest.mark.parametrize("file", FLOWS, ids=named)
def test_prefect_can_read_the_annotations_of_a_flow(file: Path) -> None:
    # Prefect validates parameters against the function's annotations as they are. Under the future import they are text,
    # which it resolves in its own wrapper's module, not in ours: `Annotated[…]` with titles and patterns would be lost.
    assert "from __future__ import annotations" not in file.read_text()


@pytest.mark.parametrize("file", FLOWS, ids=named)
def test_a_flow_hides_no_other_module(file: Path) -> None:
    # Prefect puts the folder of a flow first on `sys.path`: `flows/select.py` would be found instead of Python's own.
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT / "flows"]
    assert file.stem not in sys.builtin_module_names
    assert PathFinder.find_spec(file.stem, elsewhere) is None


@pytest.mark.parametrize("file", FLOWS, ids=named)
def test_flows_import_tasks_and_values_and_no_client(file: Path) -> None:
    imported = {node.module or "" for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)}
    assert [name for name in sorted(imported) if name.startswith("pratique.") and not name.startswith("pratique.values.")] == []


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: str(deployment["entrypoint"]))
def test_a_deployment_leads_to_a_flow_and_says_what_it_does(deployment: dict[str, Any]) -> None:
    flow = loaded(deployment["entrypoint"])
    assert isinstance(flow, Flow)
    assert flow.name == deployment["entrypoint"].split(":")[1]
    assert deployment["description"].strip()


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: str(deployment["entrypoint"]))
def test_every_parameter_is_a_labelled_field_of_a_form(deployment: dict[str, Any]) -> None:
    for name, field in loaded(deployment["entrypoint"]).parameters.properties.items():
        assert field["title"] != name, f"{name} has no title"
        assert field["description"].endswith("."), f"{name} is not described in a sentence"


def test_every_deployment_name_that_the_code_starts_is_deployed() -> None:
    deployed = {f"{entry['entrypoint'].split(':')[1]}/{entry['name']}" for entry in DEPLOYMENTS}
    texts = "".join(file.read_text() for file in PRODUCT)
    assert set(re.findall(r'"((?:advance|deliver|prepare|preview|promote|reverify|rollback)/pratique)"', texts)) <= deployed


def test_rooms_are_small() -> None:
    assert [named(file) for file in PRODUCT if len(file.read_text().splitlines()) > LONGEST_MODULE] == []


def test_the_words_of_the_design_have_no_synonyms_in_the_code() -> None:
    found = [
        f"{named(file)}: {name}"
        for file in PRODUCT
        for name in sorted({*_names_given(ast.parse(file.read_text())), file.stem, *file.parent.parts[len(ROOT.parts) :]})
        if any(re.search(rf"(?:^|_){word}s?(?:_|$)", _snake(name)) for word in SYNONYMS)
    ]
    assert found == []


def test_nothing_is_left_to_be_done() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    assert [named(file) for file in PRODUCT if marks.search(file.read_text())] == []


def test_a_wheel_carries_flows_tasks_policies_and_migrations(tmp_path: Path) -> None:
    builder = WheelBuilder(str(ROOT))
    carried = {file.distribution_path for file in builder.recurse_included_files()}
    for folder in ("pratique", "flows", "tasks"):
        expected = {named(file) for file in (ROOT / folder).rglob("*.py")}
        assert expected <= carried
    assert {named(file) for file in (ROOT / "policies").glob("*.rego")} <= carried
    assert "pratique/clients/ledger/migrations/versions/r0001_ledger.py" in carried
    assert [path for path in carried if path.startswith(("tests/", "examples/", ".pratique"))] == []


def _names_given(module: ast.Module) -> Iterator[str]:
    """Names that are defined here; names of other libraries are theirs."""
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
