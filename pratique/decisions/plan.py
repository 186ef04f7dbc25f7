"""The plan of a promotion: what every stack and the workload would see."""

from __future__ import annotations

from collections.abc import Sequence

from pratique.values.plan import Change, Plan, StackPlan
from pratique.values.workload import DesiredWorkload, WorkloadState


def plan_of(stacks: Sequence[StackPlan], running: WorkloadState, desired: DesiredWorkload | None) -> Plan:
    """All changes, infrastructure first; `desired` is None while it waits for outputs of stacks that are still to change."""
    changes = [change for stack in stacks for change in stack.changes]
    workload = workload_change(running, desired)
    if workload is not None:
        changes.append(workload)
    wanted = tuple(stack.desired for stack in stacks)
    stacks_too = f", and its {len(stacks)} stack(s) are as desired" if stacks else ""
    reason = "" if changes else f"this release serves already{stacks_too}"
    return Plan(changes=tuple(changes), reason=reason, desired=wanted if desired is None else (*wanted, desired.specification))


def workload_change(running: WorkloadState, desired: DesiredWorkload | None) -> Change | None:
    """What the workload would see, or None where what should run does."""
    serving = running.serving
    if desired is None:
        action = "create" if serving is None else "replace"
        return Change(
            kind="workload", name="of the service", action=action, detail="waits for outputs of stacks that are to change"
        )
    name = f"{desired.service} in {desired.environment}"
    if serving is None:
        return Change(kind="workload", name=name, action="create", detail=f"run {desired.image}")
    if serving.specification != desired.specification:
        return Change(
            kind="workload", name=name, action="replace", detail=f"run {desired.image} instead of release {serving.release}"
        )
    if not serving.healthy:
        return Change(kind="workload", name=name, action="replace", detail="the container that serves is not healthy")
    if leftovers := [other for other in running.containers if other.id != serving.id]:
        return Change(
            kind="workload", name=name, action="remove", detail=f"{len(leftovers)} container(s) left by an earlier run"
        )
    return None
