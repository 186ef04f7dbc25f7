"""The plan of a release in an environment: looked at, nothing touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pratique.bootstrap import Clients
from pratique.clients.releases import infrastructure
from pratique.decisions.bundle import unpack
from pratique.decisions.desired import desired_stack, desired_workload
from pratique.decisions.plan import plan_of
from pratique.errors import Refused
from pratique.pipeline.content import require_content
from pratique.pipeline.verification import judge
from pratique.values.environment import Environment
from pratique.values.facts import Purpose
from pratique.values.judged import Judged
from pratique.values.plan import Plan, StackPlan
from pratique.values.release import StoredRelease


class Foreseen(NamedTuple):
    """What a promotion would come to."""

    plan: Plan
    judged: Judged


def foresee(clients: Clients, stored: StoredRelease, environment: Environment, purpose: Purpose = "promote") -> Foreseen:
    """What promoting the release would change, and whether the gates would let it in; nothing is touched.

    Refused is a release of which something is gone from the registry.
    """
    with clients.registry() as registry:
        require_content(registry, stored)
    plan = plan_changes(clients, stored, environment)
    return Foreseen(plan, judge(clients, stored, environment, purpose=purpose, plan=plan))


def plan_changes(clients: Clients, stored: StoredRelease, environment: Environment) -> Plan:
    """What promoting the release into the environment would change."""
    with clients.registry() as registry:
        files = unpack(infrastructure(registry, stored))
    plans, outputs = plan_stacks(clients, environment, files)
    with clients.workloads(environment) as workloads:
        running = workloads.look(environment.service, environment.name)
    try:
        wanted = desired_workload(environment, stored, outputs, clients.place(environment.name).repository)
    except Refused:
        # An output may be missing because its stack is still to be made; where no stack changes, it is missing for good.
        if not any(plan.changes for plan in plans):
            raise
        wanted = None
    return plan_of(plans, running, wanted)


def plan_stacks(
    clients: Clients, environment: Environment, files: Mapping[str, bytes]
) -> tuple[list[StackPlan], dict[str, dict[str, str]]]:
    """What each stack would see, and the outputs that it has now; `files` are those of the infrastructure bundle."""
    plans: list[StackPlan] = []
    outputs: dict[str, dict[str, str]] = {}
    if environment.stacks:
        with clients.stacks(environment) as stacks:
            for section in environment.stacks:
                desired = desired_stack(environment, section, files)
                plans.append(stacks.plan(desired))
                outputs[section.stack] = stacks.outputs(desired.name)
    return plans, outputs
