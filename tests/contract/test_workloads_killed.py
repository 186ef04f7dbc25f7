"""Killed anywhere and run again: the same end, with nothing left over.

A deployment is killed by an exception that nothing in it may catch, before or after each thing it does to the engine.
"""

from __future__ import annotations

from typing import Any

import pytest

from pratique.clients.engine import front, front_log, rollout
from pratique.clients.engine import ready as ready_module
from pratique.clients.engine.front import Front
from pratique.clients.engine.rollout import Rollout
from pratique.errors import FenceLost
from pratique.values.workload import DesiredWorkload
from tests.services.engine import ArrangedWorkloads


class Killed(BaseException):
    """What `kill -9` is to the code: no handler of ours runs."""


STARTING: list[tuple[Any, str]] = [
    (Front, "claim"),
    (rollout, "require_image"),
    (Rollout, "_start"),
    (rollout, "await_ready"),
    (Front, "route"),
    (Front, "_load"),
    (front_log, "await_loaded"),
]
"""Everything that changes something, or waits, in any deployment, in the order in which it comes."""
REPLACING: list[tuple[Any, str]] = [(front_log, "await_drained"), (Rollout, "_retire"), (Rollout, "_remove")]
"""And what comes with a change of release."""
RECORDING: tuple[Any, str] = (front, "_record")
"""Done twice: to claim the fence, and to confirm the switch."""


def kill(monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str], when: str, call: int) -> None:
    """Kill before or after that call of the function."""
    owner, name = place
    whole = getattr(owner, name)
    calls = 0

    def killed(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if when == "before" and calls == call:
            raise Killed
        result = whole(*arguments, **options)
        if when == "after" and calls == call:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, killed)


def run_killed(
    world: ArrangedWorkloads, desired: DesiredWorkload, fence: int, place: tuple[Any, str], when: str, *, call: int = 1
) -> bool:
    """Whether the deployment came to that place, and so was killed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        kill(monkeypatch, place, when, call)
        try:
            world.workloads.deploy(desired, {}, fence, world.log.append)
        except Killed:
            return True
    return False


def assert_only_serving(world: ArrangedWorkloads, desired: DesiredWorkload) -> None:
    state = world.workloads.look(world.service, "dev")
    assert [(one.specification, one.serving, one.healthy) for one in state.containers] == [(desired.specification, True, True)]
    labelled: dict[str, str | list[str] | bool] = {"label": f"io.pratique.service={world.service}"}
    assert len(world.client.containers.list(all=True, filters=labelled)) == 2
    assert len(world.client.networks.list(filters=labelled)) == 1
    assert len(world.client.volumes.list(filters=labelled)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_first_deployment_killed_anywhere_and_run_again_ends_the_same(
    arranged_workloads: ArrangedWorkloads, when: str
) -> None:
    world, desired = arranged_workloads, arranged_workloads.desired("1")
    for place, call in [((Front, "_create"), 1), *((place, 1) for place in STARTING), (RECORDING, 1), (RECORDING, 2)]:
        assert run_killed(world, desired, 1, place, when, call=call), place
        world.workloads.deploy(desired, {}, 2, world.log.append)
        assert_only_serving(world, desired)
        world.workloads.remove(world.service, "dev")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_of_release_killed_anywhere_and_run_again_ends_the_same(
    arranged_workloads: ArrangedWorkloads, when: str
) -> None:
    world = arranged_workloads
    world.workloads.deploy(world.desired("0"), {}, 1, world.log.append)
    places = [*((place, 1) for place in [*STARTING, *REPLACING]), (RECORDING, 1), (RECORDING, 2)]
    for number, (place, call) in enumerate(places, start=1):
        desired = world.desired(f"{number:x}")
        assert run_killed(world, desired, 2 * number, place, when, call=call), place
        world.workloads.deploy(desired, {}, 2 * number + 1, world.log.append)
        assert_only_serving(world, desired)


def test_after_a_switch_was_killed_another_release_can_follow(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    assert run_killed(world, world.desired("2"), 2, (front_log, "await_loaded"), "after")
    world.workloads.deploy(world.desired("3"), {}, 3, world.log.append)
    assert_only_serving(world, world.desired("3"))
    assert any("an earlier run was killed while it switched" in line for line in world.log)


def test_after_a_switch_was_killed_and_its_container_died_the_old_one_serves_on(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    before = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    assert run_killed(world, world.desired("2"), 2, (front_log, "await_loaded"), "after")
    [new] = [one for one in world.workloads.look(world.service, "dev").containers if not one.serving]
    world.client.containers.get(new.id).remove(force=True)
    state = world.workloads.deploy(world.desired("1"), {}, 3, world.log.append)
    assert state.containers == before.containers
    assert_only_serving(world, world.desired("1"))


def test_a_holder_whose_environment_was_taken_over_while_it_worked_does_not_switch(
    arranged_workloads: ArrangedWorkloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = arranged_workloads
    world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    ready = ready_module.await_ready

    def overtaken(*arguments: Any) -> None:
        ready(*arguments)
        monkeypatch.setattr(rollout, "await_ready", ready)
        world.workloads.deploy(world.desired("3"), {}, 3, world.log.append)

    monkeypatch.setattr(rollout, "await_ready", overtaken)
    with pytest.raises(FenceLost, match="fence 3"):
        world.workloads.deploy(world.desired("2"), {}, 2, world.log.append)
    serving = world.workloads.look(world.service, "dev").serving
    assert serving is not None
    assert serving.specification == world.desired("3").specification
    world.workloads.deploy(world.desired("3"), {}, 4, world.log.append)
    assert_only_serving(world, world.desired("3"))
