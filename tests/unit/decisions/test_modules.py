"""Infrastructure modules: what is bundled, and whether a module fits its stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pratique.decisions.manifest_reading import read_manifest
from pratique.decisions.modules import module_folders, require_modules, select_files, stack_template
from pratique.errors import Invalid
from pratique.values.environment import environment_of
from pratique.values.manifest import Manifest, StackSection

MODULE = b"name: queue\nversion: 1.2.0\ndescription: A queue.\n"
TEMPLATE = b"""\
Parameters:
  Name: {Type: String}
  Days: {Type: Number, Default: 1}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${Name}-${Days}"}
"""
FILES = {"modules/queue/module.yaml": MODULE, "modules/queue/template.yaml": TEMPLATE, "modules/queue/README.md": b"#"}


def stack(**changed: Any) -> StackSection:
    written = {"stack": "messages", "module": "modules/queue", "version": "1.2.0", "parameters": {"Name": "x"}}
    return StackSection.model_validate(written | changed)


def manifest(*stacks: dict[str, Any], **environments: Any) -> Manifest:
    return Manifest.model_validate(
        {
            "version": 1,
            "service": "hello",
            "images": [{"name": "hello"}],
            "workload": {"image": "hello", "port": 1},
            "checks": [{"name": "up", "tcp": {}}],
            "infrastructure": stacks,
            "environments": environments or {"dev": {}},
        }
    )


def queue(**changed: Any) -> dict[str, Any]:
    return stack(**changed).model_dump()


def invalid(files: dict[str, bytes], section: StackSection) -> Invalid:
    with pytest.raises(Invalid) as found:
        stack_template(files, section)
    assert all(problem.remedy for problem in found.value.problems)
    return found.value


def test_a_module_that_fits_gives_its_template_as_it_is() -> None:
    assert stack_template(FILES, stack()) == TEMPLATE.decode()


def test_a_template_may_be_json() -> None:
    template = b'{"Parameters": {"Name": {"Type": "String"}}, "Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}'
    assert stack_template(FILES | {"modules/queue/template.yaml": template}, stack()) == template.decode()


def test_a_module_may_be_the_repository_itself() -> None:
    assert stack_template({"module.yaml": MODULE, "template.yaml": TEMPLATE}, stack(module=".")) == TEMPLATE.decode()


def test_another_version_is_refused_naming_both() -> None:
    error = str(invalid(FILES, stack(version="1.1.0")))
    assert "modules/queue is version 1.2.0, and this service was written for 1.1.0" in error
    assert "write version: 1.2.0" in error
    assert error.startswith("pratique.yaml, stack messages: ")


@pytest.mark.parametrize("missing", ["module.yaml", "template.yaml"])
def test_a_missing_file_is_named(missing: str) -> None:
    files = {path: content for path, content in FILES.items() if not path.endswith(missing)}
    assert f"the module has no modules/queue/{missing}" in str(invalid(files, stack()))


def test_parameters_are_compared_with_those_declared() -> None:
    error = invalid(FILES, stack(parameters={"Nmae": "x", "Size": "2"}))
    assert error.reasons == (
        "pratique.yaml, stack messages, parameters.Nmae: the template declares no such parameter (known here: Days, Name)",
        "pratique.yaml, stack messages, parameters.Size: the template declares no such parameter (known here: Days, Name)",
        "pratique.yaml, stack messages: parameter Name is missing (give it: modules/queue/template.yaml has no default for it)",
    )


@pytest.mark.parametrize(
    ("description", "phrase"),
    [
        (b"", "modules/queue/module.yaml: the file is empty"),
        (b"name: queue\nversion: 1.2\ndescription: x\n", "modules/queue/module.yaml:2:10 version: found the number 1.2"),
        (b"name: queue\nversion: 1.2.0\n", "the key `description` is missing"),
        (b"name: queue\nverion: 1.2.0\nversion: 1.2.0\ndescription: x\n", "did you mean `version`?"),
        (b"name: queue\nversion: 1.2.0\ndescription: ''\n", "module.yaml:3:14 description: the text is empty"),
    ],
)
def test_a_module_that_describes_itself_wrongly_is_refused_at_its_line(description: bytes, phrase: str) -> None:
    assert phrase in str(invalid(FILES | {"modules/queue/module.yaml": description}, stack()))


@pytest.mark.parametrize(
    ("template", "phrase"),
    [
        (b"\xff", "modules/queue/template.yaml: the file is not UTF-8"),
        (b"Resources: {}", "modules/queue/template.yaml"),
        (b"- a", "modules/queue/template.yaml"),
        (b"a: [", "modules/queue/template.yaml"),
    ],
)
def test_a_template_that_cloudformation_could_not_read_is_refused(template: bytes, phrase: str) -> None:
    with pytest.raises(Invalid, match=phrase):
        stack_template(FILES | {"modules/queue/template.yaml": template}, stack())


def test_the_bundle_holds_the_manifest_and_every_module_and_nothing_else() -> None:
    made = manifest(queue(), queue(stack="more"), queue(stack="other", module="modules/other"))
    files = {"pratique.yaml": b"", "Dockerfile": b"", "modules/queues/x": b"", "modules/other/module.yaml": b"", **FILES}
    assert module_folders(made) == ("modules/queue", "modules/other")
    assert set(select_files(files, made)) == {"pratique.yaml", "modules/other/module.yaml", *FILES}


def test_a_module_folder_that_is_not_there_is_refused() -> None:
    with pytest.raises(Invalid, match="stack messages: there is no folder modules/absent"):
        select_files({"pratique.yaml": b""}, manifest(queue(module="modules/absent")))
    with pytest.raises(Invalid, match=r"pratique\.yaml: there is no such file"):
        select_files(FILES, manifest(queue()))


def test_what_only_the_overlays_give_counts_where_they_give_it() -> None:
    given = {"infrastructure": {"messages": {"parameters": {"Name": "x"}}}}
    require_modules(FILES, manifest(queue(parameters={}), dev=given, prod=given))
    with pytest.raises(Invalid, match="parameter Name is missing") as error:
        require_modules(FILES, manifest(queue(parameters={}), dev=given, staging={}, prod={}))
    assert len(error.value.problems) == 1


def test_the_example_fits_its_module_in_every_environment() -> None:
    root = Path(__file__).parents[3] / "examples/hello"
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    example = read_manifest(files["pratique.yaml"], "pratique.yaml")
    require_modules(files, example)
    assert environment_of(example, "prod").stacks[0].parameters == {"Environment": "prod", "RetentionSeconds": "1209600"}
