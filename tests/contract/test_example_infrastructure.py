"""The example's module, provisioned at the AWS endpoint of the local stack from a commit of the example."""

from __future__ import annotations

from pathlib import Path

from pratique.clients.cloudformation import open_stacks
from pratique.decisions.manifest_reading import read_manifest
from pratique.decisions.modules import module_folders, select_files, stack_template
from pratique.decisions.stack_values import resolve
from pratique.settings import AwsSettings
from pratique.values.environment import environment_of
from pratique.values.manifest import MANIFEST_FILE
from pratique.values.stack import DesiredStack
from tests.services.git import ArrangedGit

EXAMPLE = Path(__file__).parents[2] / "examples/hello"


def test_every_environment_of_the_example_gets_its_queue(arranged_git: ArrangedGit, aws_endpoint: str) -> None:
    tree = {path.relative_to(EXAMPLE).as_posix(): path.read_bytes() for path in EXAMPLE.rglob("*") if path.is_file()}
    arranged_git.commit(tree)
    source = arranged_git.source
    commit = source.resolve(arranged_git.repository, "main")
    manifest = read_manifest(source.file(commit, MANIFEST_FILE), MANIFEST_FILE)
    files = {MANIFEST_FILE: source.file(commit, MANIFEST_FILE)}
    for folder in module_folders(manifest):
        files |= {f"{folder}/{path}": content for path, content in source.files(commit, folder).items()}
    bundle = select_files(files, manifest)
    with open_stacks(AwsSettings(endpoint=aws_endpoint), ("id", "secret"), poll=0.01) as stacks:
        for name in manifest.environments:
            environment = environment_of(manifest, name)
            (section,) = environment.stacks
            desired = DesiredStack(
                name=environment.stack_name(section.stack),
                template=stack_template(bundle, section),
                parameters=section.parameters,
                tags={},
            )
            outputs = stacks.apply(desired, 1, print)
            assert outputs["QueueName"] == f"hello-{name}-messages"
            assert outputs["AddressParameter"] == f"/hello/{name}/messages"
            assert resolve(environment.workload.variables, {section.stack: outputs})["QUEUE"] == f"hello-{name}-messages"
            assert stacks.plan(desired).changes == ()
            longer = desired.model_copy(update={"parameters": section.parameters | {"RetentionSeconds": "7200"}})
            assert stacks.plan(longer).changes
            stacks.apply(longer, 1, print)
