"""The plan of a release in an environment: looked at, nothing touched."""

from __future__ import annotations

from pratique.bootstrap import Clients
from pratique.clients.releases import infrastructure
from pratique.decisions.bundle import unpack
from pratique.decisions.desired import desired_stack, desired_workload
from pratique.decisions.plan import plan_of
from pratique.errors import Refused
from pratique.values.environment import Environment
from pratique.values.plan import Plan
from pratique.values.release import StoredRelease


def plan_changes(clients: Clients, stored: StoredRelease, environment: Environment) -> Plan:
    """What promoting the release into the environment would change."""
    with clients.registry() as registry:
        files = unpack(infrastructure(registry, stored))
    plans, outputs = [], {}
    if environment.stacks:
        with clients.stacks(environment) as stacks:
            for section in environment.stacks:
                desired = desired_stack(environment, section, files)
                plans.append(stacks.plan(desired))
                outputs[section.stack] = stacks.outputs(desired.name)
    with clients.workloads(environment) as workloads:
        running = workloads.look(environment.service, environment.name)
    try:
        wanted = desired_workload(environment, stored, outputs)
    except Refused:
        # An output may be missing because its stack is still to be made; where no stack changes, it is missing for good.
        if not any(plan.changes for plan in plans):
            raise
        wanted = None
    return plan_of(plans, running, wanted)
