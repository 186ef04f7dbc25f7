"""What an environment should hold for a release: its stacks and its workload."""

from __future__ import annotations

from collections.abc import Mapping

from pratique.decisions.modules import stack_template
from pratique.decisions.stack_values import resolve
from pratique.values.environment import Environment
from pratique.values.manifest import StackSection
from pratique.values.release import StoredRelease
from pratique.values.relocation import RepositoryPattern, relocated
from pratique.values.stack import DesiredStack
from pratique.values.workload import DesiredWorkload

Outputs = Mapping[str, Mapping[str, str]]
"""Stack (as the manifest calls it) → output → value."""


def desired_stack(environment: Environment, section: StackSection, files: Mapping[str, bytes]) -> DesiredStack:
    """The stack as the release's own module and the environment's parameters describe it."""
    return DesiredStack(
        name=environment.stack_name(section.stack),
        template=stack_template(files, section),
        parameters=dict(section.parameters),
        tags={
            "pratique:service": environment.service,
            "pratique:environment": environment.name,
        },
    )


def desired_workload(
    environment: Environment, stored: StoredRelease, outputs: Outputs, repository: RepositoryPattern
) -> DesiredWorkload:
    """The workload, stack outputs filled in; refused where it names an output that no stack gives.

    Its image is pulled from where the environment keeps its copies, which `repository` says.
    """
    variables = resolve(environment.workload.variables, outputs)
    return DesiredWorkload(
        service=environment.service,
        environment=environment.name,
        release=stored.digest,
        commit=stored.release.commit.id,
        image=relocated(stored.release.image(environment.workload.image), repository),
        section=environment.workload.model_copy(update={"variables": variables}),
    )
