"""The plan of a promotion, from what stacks and workload would see."""

from __future__ import annotations

import pytest

from pratique.decisions.plan import plan_of
from pratique.values.manifest import WorkloadSection
from pratique.values.plan import Change, StackPlan
from pratique.values.references import ImageReference
from pratique.values.workload import DesiredWorkload, RunningContainer, WorkloadState

DIGEST = "sha256:" + "a" * 64
DESIRED = DesiredWorkload(
    service="hello",
    environment="dev",
    release=DIGEST,
    commit="b" * 40,
    image=ImageReference(repository="hello/images/hello", digest=DIGEST),
    section=WorkloadSection(image="hello", port=8080),
)
UNCHANGED = StackPlan(stack="pratique-hello-dev-messages", reason="as the template says", desired=DIGEST)
CHANGED = UNCHANGED.model_copy(
    update={"changes": (Change(kind="stack", name="Queue", action="update", detail="retention"),), "reason": ""}
)


def _container(*, specification: str = DESIRED.specification, healthy: bool = True, serving: bool = True) -> RunningContainer:
    return RunningContainer(
        id=f"{specification[7:12]}{serving}",
        release=DIGEST,
        specification=specification,
        fence=1,
        healthy=healthy,
        serving=serving,
    )


@pytest.mark.parametrize(
    ("containers", "desired", "action"),
    [
        ((), DESIRED, "create"),
        ((), None, "create"),
        ((_container(),), None, "replace"),
        ((_container(specification="sha256:" + "c" * 64),), DESIRED, "replace"),
        ((_container(healthy=False),), DESIRED, "replace"),
        ((_container(), _container(specification="sha256:" + "c" * 64, serving=False)), DESIRED, "remove"),
        ((_container(),), DESIRED, None),
    ],
    ids=[
        "nothing runs",
        "nothing runs yet",
        "outputs will change",
        "another release",
        "it is ill",
        "a leftover",
        "all as desired",
    ],
)
def test_what_the_workload_would_see(
    containers: tuple[RunningContainer, ...], desired: DesiredWorkload | None, action: str | None
) -> None:
    plan = plan_of([UNCHANGED], WorkloadState(containers=containers), desired)
    assert [change.action for change in plan.changes] == ([action] if action else [])
    assert bool(plan.reason) is plan.is_empty, "an empty plan says why, a full one needs no reason"


def test_infrastructure_comes_before_the_workload() -> None:
    plan = plan_of([CHANGED], WorkloadState(), DESIRED)
    assert [change.kind for change in plan.changes] == ["stack", "workload"]


def test_the_digest_changes_with_anything_that_is_desired() -> None:
    other = DESIRED.model_copy(update={"commit": "c" * 40})
    state = WorkloadState()
    digests = {
        plan_of([UNCHANGED], state, DESIRED).digest,
        plan_of([UNCHANGED], state, other).digest,
        plan_of([CHANGED], state, DESIRED).digest,
        plan_of([UNCHANGED.model_copy(update={"desired": "sha256:" + "d" * 64})], state, DESIRED).digest,
    }
    assert len(digests) == 4
