"""One environment of one release: the manifest with that environment's overlay applied."""

from __future__ import annotations

from pratique.errors import Refused
from pratique.values._base import Value
from pratique.values.checks import Check
from pratique.values.manifest import Manifest
from pratique.values.names import Name
from pratique.values.overlays import EnvironmentSection, Queue, WorkloadOverlay, merged
from pratique.values.placeholders import fill
from pratique.values.recurrence import Recurrence
from pratique.values.requirements import Requirements
from pratique.values.sections import Retries, StackSection, WorkloadSection


class Environment(Value):
    """A named place a release can be in, as the release's own manifest describes it."""

    service: Name
    name: Name
    after: tuple[Name, ...]
    target: Name
    stacks: tuple[StackSection, ...]
    workload: WorkloadSection
    """`${environment}` is replaced; `${stack.Output}` still stands, until the stacks are there."""
    checks: tuple[Check, ...]
    retries: Retries
    windows: tuple[Recurrence, ...] = ()
    freezes: tuple[Recurrence, ...] = ()
    gates: Requirements = Requirements()
    queue: Queue = "all"

    def stack_name(self, stack: str) -> str:
        """The stack's name at AWS, where one account may hold several services and environments.

        No name holds two hyphens in a row, so no two places share a stack: `a-b` in `c` is not `a` in `b-c`.
        """
        return f"pratique-{self.service}--{self.name}--{stack}"


def environment_of(manifest: Manifest, name: str) -> Environment:
    """The environment called `name`, overlay applied; refused when the manifest knows none of that name."""
    section = manifest.environments.get(name)
    if section is None:
        known = ", ".join(manifest.environments)
        raise Refused(f"{manifest.service} has no environment {name!r}: its pratique.yaml knows {known}")
    checks = {check.name: check.in_environment(name) for check in (*manifest.checks, *section.checks)}
    return Environment(
        service=manifest.service,
        name=name,
        after=section.after,
        target=section.target,
        stacks=tuple(_stack_in(name, stack, section) for stack in manifest.infrastructure),
        workload=_workload_in(name, manifest.workload, section.workload),
        checks=tuple(checks.values()),
        retries=section.retries or manifest.retries,
        windows=section.windows,
        freezes=section.freezes,
        gates=section.gates,
        queue=section.queue,
    )


def _stack_in(name: str, stack: StackSection, section: EnvironmentSection) -> StackSection:
    overlay = section.infrastructure.get(stack.stack)
    parameters = merged(stack.parameters, overlay.parameters) if overlay else stack.parameters
    return stack.model_copy(update={"parameters": _filled(parameters, name)})


def _workload_in(name: str, workload: WorkloadSection, overlay: WorkloadOverlay) -> WorkloadSection:
    secrets = merged(workload.secrets, overlay.secrets)
    changed = {
        "variables": _filled(merged(workload.variables, overlay.variables), name),
        "secrets": {variable: reference.in_environment(name) for variable, reference in secrets.items()},
        "resources": workload.resources.model_copy(update=overlay.resources.model_dump(exclude_none=True)),
    }
    replaced = {field: getattr(overlay, field) for field in ("publish", "command", "drain", "ready_within")}
    return workload.model_copy(update=changed | {field: value for field, value in replaced.items() if value is not None})


def _filled(texts: dict[str, str], environment: str) -> dict[str, str]:
    return {key: fill(text, {"environment": environment}) for key, text in texts.items()}
