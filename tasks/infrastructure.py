"""Infrastructure: planned, and brought to what a release says."""

from __future__ import annotations

from pratique.bootstrap import clients
from pratique.clients.releases import infrastructure
from pratique.decisions.bundle import unpack
from pratique.decisions.desired import desired_stack
from pratique.pipeline import planning
from pratique.pipeline.planning import Foreseen
from pratique.values.environment import Environment
from pratique.values.manifest import StackSection
from pratique.values.plan import Plan
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_INFRASTRUCTURE
from tasks._step import step, tell


@step("plan {environment.name}", RETRY_INFRASTRUCTURE)
def plan(stored: StoredRelease, environment: Environment) -> Plan:
    """What would change; nothing is touched."""
    found = planning.plan_changes(clients(), stored, environment)
    for change in found.changes:
        tell(f"{change.action} {change.kind} {change.name}: {change.detail}")
    if found.is_empty:
        tell(f"nothing to do in {environment.name}, because {found.reason}")
    return found


@step("foresee {environment.name}", RETRY_INFRASTRUCTURE)
def foresee(stored: StoredRelease, environment: Environment) -> Foreseen:
    """What would be decided and changed; nothing is touched."""
    return _told(planning.foresee(clients(), stored, environment))


@step("foresee the rollback of {environment.name}", RETRY_INFRASTRUCTURE)
def foresee_rollback(stored: StoredRelease, environment: Environment) -> Foreseen:
    """As `foresee`, by the gates of a rollback."""
    return _told(planning.foresee(clients(), stored, environment, "rollback"))


@step("provision {section.stack} in {environment.name}", RETRY_INFRASTRUCTURE)
def provision(stored: StoredRelease, environment: Environment, section: StackSection, fence: int) -> dict[str, str]:
    """The stack's outputs, once it is as the release says."""
    with clients().registry() as registry:
        files = unpack(infrastructure(registry, stored))
    with clients().stacks(environment) as stacks:
        return stacks.apply(desired_stack(environment, section, files), fence, tell)


def _told(foreseen: Foreseen) -> Foreseen:
    for reason in (*foreseen.judged.decision.reasons, *(wait.reason for wait in foreseen.judged.decision.waits)):
        tell(f"against it: {reason}")
    for change in foreseen.plan.changes:
        tell(f"{change.action} {change.kind} {change.name}: {change.detail}")
    return foreseen
