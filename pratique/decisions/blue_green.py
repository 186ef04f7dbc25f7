"""Blue-green: what moves a place from the containers that run to the one that should.

    deployment = decide(state, desired, fence)

The steps are found anew from what is there each time, never from what was done before. That is why a run that was
killed anywhere is finished by running again: what it left is looked at like anything else.
"""

from __future__ import annotations

from typing import Literal

from pratique.errors import FenceLost
from pratique.values._base import Value
from pratique.values.workload import DesiredWorkload, WorkloadState

NEW = ""
"""Stands for the container that `start` makes, whose id is not known yet."""


class Step(Value):
    """One thing to do to one container."""

    action: Literal["start", "await", "switch", "retire", "remove"]
    """`start` makes and starts the desired container, `await` waits until it is ready, `switch` moves traffic to it,
    `retire` lets one finish what it has begun before it goes, `remove` takes one away that never served."""
    container: str = NEW


class Deployment(Value):
    """What is to be done, in this order; or why nothing is."""

    steps: tuple[Step, ...] = ()
    reason: str = ""
    """Why there is nothing to do."""


def decide(state: WorkloadState, desired: DesiredWorkload, fence: int) -> Deployment:
    """The steps to the desired workload; `FenceLost` where the place has seen a higher fence than ours.

    Traffic moves only to a container that is ready, and nothing that serves goes before that has happened.
    """
    if fence < state.fence:
        raise FenceLost(
            f"{desired.service} in {desired.environment}: fence {state.fence} has been here and ours is {fence}, so a newer "
            "promotion holds the environment (where the ledger was lost or restored, raise its fence: docs/runbook.md)"
        )

    serving = state.serving
    idle = [container for container in state.containers if not container.serving]
    if serving and serving.healthy and serving.specification == desired.specification:
        if not idle:
            return Deployment(reason=f"nothing to do, because {desired.image} serves as specified")
        # An earlier run was killed after it had moved traffic: these may still be finishing something.
        return Deployment(steps=tuple(Step(action="retire", container=container.id) for container in idle))

    # An earlier run was killed before it moved traffic: a container of its that is well is gone on with.
    ready = next((one for one in idle if one.healthy and one.specification == desired.specification), None)
    steps = [Step(action="remove", container=one.id) for one in idle if one is not ready]
    steps += [] if ready else [Step(action="start")]
    new = ready.id if ready else NEW
    steps += [Step(action="await", container=new), Step(action="switch", container=new)]
    steps += [Step(action="retire", container=serving.id)] if serving else []
    return Deployment(steps=tuple(steps))
