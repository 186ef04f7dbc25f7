"""One environment of one release: the manifest with that environment's overlay applied."""

from __future__ import annotations

from pratique.errors import Refused
from pratique.values._base import Value
from pratique.values.checks import Check
from pratique.values.manifest import Manifest, Retries, StackSection, WorkloadSection
from pratique.values.names import Name


class Environment(Value):
    """A named place a release can be in, as the release's own manifest describes it."""

    service: Name
    name: Name
    after: tuple[Name, ...]
    target: Name
    stacks: tuple[StackSection, ...]
    workload: WorkloadSection
    checks: tuple[Check, ...]
    retries: Retries

    def stack_name(self, stack: str) -> str:
        """The stack's name at AWS, where one account may hold several services and environments."""
        return f"pratique-{self.service}-{self.name}-{stack}"


def environment_of(manifest: Manifest, name: str) -> Environment:
    """The environment called `name`, overlay applied; refused when the manifest knows none of that name."""
    section = manifest.environments.get(name)
    if section is None:
        known = ", ".join(manifest.environments)
        raise Refused(f"{manifest.service} has no environment {name!r}: its pratique.yaml knows {known}")
    overlay = section.workload
    replaced = {
        "variables": manifest.workload.variables | overlay.variables,
        "secrets": manifest.workload.secrets | overlay.secrets,
    }
    replaced |= {
        field: value
        for field in ("publish", "resources", "drain", "ready_within")
        if (value := getattr(overlay, field)) is not None
    }
    checks = {check.name: check for check in (*manifest.checks, *section.checks)}
    return Environment(
        service=manifest.service,
        name=name,
        after=section.after,
        target=section.target,
        stacks=tuple(
            stack.model_copy(update={"parameters": stack.parameters | section.infrastructure[stack.stack].parameters})
            if stack.stack in section.infrastructure
            else stack
            for stack in manifest.infrastructure
        ),
        workload=manifest.workload.model_copy(update=replaced),
        checks=tuple(checks.values()),
        retries=section.retries or manifest.retries,
    )
