"""Infrastructure: planned, and brought to what a release says."""

from __future__ import annotations

from pratique.bootstrap import clients
from pratique.clients.releases import infrastructure
from pratique.decisions.bundle import unpack
from pratique.decisions.desired import desired_stack
from pratique.pipeline.planning import plan_changes
from pratique.values.environment import Environment
from pratique.values.manifest import StackSection
from pratique.values.plan import Plan
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_INFRASTRUCTURE
from tasks._step import step, tell


@step("plan {environment.name}", RETRY_INFRASTRUCTURE)
def plan(stored: StoredRelease, environment: Environment) -> Plan:
    """What would change; nothing is touched."""
    found = plan_changes(clients(), stored, environment)
    for change in found.changes:
        tell(f"{change.action} {change.kind} {change.name}: {change.detail}")
    if found.is_empty:
        tell(f"nothing to do in {environment.name}, because {found.reason}")
    return found


@step("provision {section.stack} in {environment.name}", RETRY_INFRASTRUCTURE)
def provision(stored: StoredRelease, environment: Environment, section: StackSection, fence: int) -> dict[str, str]:
    """The stack's outputs, once it is as the release says."""
    with clients().registry() as registry:
        files = unpack(infrastructure(registry, stored))
    with clients().stacks(environment) as stacks:
        return stacks.apply(desired_stack(environment, section, files), fence, tell)
