"""Blue-green: each case is what is there, under which fence, and what is to be done about it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.decisions.blue_green import NEW, Deployment, Step, decide
from pratique.errors import FenceLost
from pratique.values.digest import digest_of
from pratique.values.manifest import WorkloadSection
from pratique.values.references import ImageReference
from pratique.values.workload import DesiredWorkload, RunningContainer, WorkloadState

DESIRED = DesiredWorkload(
    service="hello",
    environment="dev",
    release=digest_of(b"release"),
    commit="1" * 40,
    image=ImageReference(repository="hello/images/web", digest=digest_of(b"image")),
    section=WorkloadSection(image="web", port=8080),
)
OTHER = digest_of(b"another specification")


def container(name: str, *, wanted: bool = False, serving: bool = False, healthy: bool = True) -> RunningContainer:
    return RunningContainer(
        id=name,
        release=DESIRED.release,
        specification=DESIRED.specification if wanted else OTHER,
        fence=1,
        healthy=healthy,
        serving=serving,
    )


@dataclass(frozen=True)
class Case:
    name: str
    containers: tuple[RunningContainer, ...]
    steps: tuple[str, ...]


CASES = (
    Case("nothing is there", (), ("start new", "await new", "switch new")),
    Case("it serves", (container("a", wanted=True, serving=True),), ()),
    Case(
        "it serves, and the one before is still there",
        (container("a", wanted=True, serving=True), container("b")),
        ("retire b",),
    ),
    Case(
        "it serves, and a twin was started",
        (container("a", wanted=True, serving=True), container("b", wanted=True)),
        ("retire b",),
    ),
    Case(
        "it serves and is ill",
        (container("a", wanted=True, serving=True, healthy=False),),
        ("start new", "await new", "switch new", "retire a"),
    ),
    Case(
        "another one serves",
        (container("a", serving=True),),
        ("start new", "await new", "switch new", "retire a"),
    ),
    Case(
        "another one serves, and it was started",
        (container("a", serving=True), container("b", wanted=True)),
        ("await b", "switch b", "retire a"),
    ),
    Case(
        "another one serves, and it was started but has ended",
        (container("a", serving=True), container("b", wanted=True, healthy=False)),
        ("remove b", "start new", "await new", "switch new", "retire a"),
    ),
    Case(
        "it was started, and nothing serves",
        (container("b", wanted=True),),
        ("await b", "switch b"),
    ),
    Case(
        "it was started twice",
        (container("a", serving=True), container("b", wanted=True), container("c", wanted=True)),
        ("remove c", "await b", "switch b", "retire a"),
    ),
    Case(
        "leftovers of other releases are there",
        (container("a", serving=True), container("b"), container("c", healthy=False)),
        ("remove b", "remove c", "start new", "await new", "switch new", "retire a"),
    ),
)


def spelled(deployment: Deployment) -> tuple[str, ...]:
    return tuple(f"{step.action} {step.container or 'new'}" for step in deployment.steps)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_there_decides_what_is_done(case: Case) -> None:
    deployment = decide(WorkloadState(containers=case.containers), DESIRED, 1)
    assert spelled(deployment) == case.steps
    assert bool(deployment.reason) == (not case.steps)


def test_doing_nothing_has_a_reason() -> None:
    state = WorkloadState(containers=(container("a", wanted=True, serving=True),))
    assert decide(state, DESIRED, 1).reason.startswith("nothing to do, because hello/images/web@sha256:")


@pytest.mark.parametrize(("seen", "ours", "lost"), [(0, 1, False), (3, 3, False), (3, 4, False), (4, 3, True)])
def test_a_place_that_has_seen_a_higher_fence_is_not_ours_any_more(seen: int, ours: int, lost: bool) -> None:  # noqa: FBT001
    state = WorkloadState(fence=seen)
    if not lost:
        assert decide(state, DESIRED, ours).steps
        return
    with pytest.raises(FenceLost, match="hello in dev: fence 4 has been here and ours is 3"):
        decide(state, DESIRED, ours)


@st.composite
def states(draw: st.DrawFn) -> WorkloadState:
    names = [f"c{number}" for number in range(draw(st.integers(0, 4)))]
    serving = draw(st.sampled_from([*names, "none"]))
    return WorkloadState(
        containers=tuple(
            container(name, wanted=draw(st.booleans()), serving=name == serving, healthy=draw(st.booleans())) for name in names
        )
    )


def carried_out(state: WorkloadState, steps: tuple[Step, ...]) -> list[WorkloadState]:
    """Every state on the way; whatever is waited for becomes ready."""
    containers = {one.id: one for one in state.containers}
    way = [state]
    for step in steps:
        name = step.container or "new"
        match step.action:
            case "start":
                containers[name] = container(name, wanted=True)
            case "switch":
                containers = {key: one.model_copy(update={"serving": key == name}) for key, one in containers.items()}
            case "retire" | "remove":
                del containers[name]
        way.append(WorkloadState(containers=tuple(containers.values())))
    return way


@given(states())
def test_wherever_it_is_killed_deciding_again_ends_with_the_one_that_is_wanted(state: WorkloadState) -> None:
    for stopped in carried_out(state, decide(state, DESIRED, 1).steps):
        end = carried_out(stopped, decide(stopped, DESIRED, 1).steps)[-1]
        assert [(one.specification, one.serving, one.healthy) for one in end.containers] == [
            (DESIRED.specification, True, True)
        ]
        assert decide(end, DESIRED, 1).steps == ()


@given(states())
def test_what_serves_and_is_well_serves_until_another_one_does(state: WorkloadState) -> None:
    served = False
    for now in carried_out(state, decide(state, DESIRED, 1).steps):
        serves = now.serving is not None and now.serving.healthy
        assert serves or not served
        served = served or serves


@given(states())
def test_only_a_container_that_was_waited_for_is_switched_to(state: WorkloadState) -> None:
    steps = decide(state, DESIRED, 1).steps
    for step in steps:
        if step.action == "switch":
            assert Step(action="await", container=step.container) in steps[: steps.index(step)]
        assert step.container != NEW or step.action in ("start", "await", "switch")
