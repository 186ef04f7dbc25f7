"""What every `Workloads` keeps: the fake, the recording target of the benchmark, and a real Docker host alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import cast

import pytest

from pratique.errors import FenceLost, Refused
from pratique.values.digest import digest_of
from pratique.values.references import ImageReference
from pratique.values.workload import DesiredWorkload, WorkloadState
from tests.fakes.engine import FakeWorkloads
from tests.recording.target import RecordingTarget
from tests.recording.workloads import RecordingWorkloads
from tests.services.engine import ArrangedWorkloads, desired_workload


@dataclass
class ArrangedFake:
    """The fake, arranged with the words of the real one."""

    workloads: FakeWorkloads = field(default_factory=FakeWorkloads)
    service: str = "hello"
    log: list[str] = field(default_factory=list)

    def desired(self, commit: str = "1", **section: object) -> DesiredWorkload:
        image = ImageReference(repository="hello/images/web", digest=digest_of(b"image"))
        return desired_workload(self.service, image, commit, **section)

    def unready(self, commit: str) -> DesiredWorkload:
        self.workloads.never_ready.add(commit * 40)
        return self.desired(commit)

    def variables_of(self, container: str) -> dict[str, str]:
        return self.workloads.environments[container]

    def set_output(self, status: int, output: str) -> tuple[str, ...]:
        self.workloads.execution = lambda container, command, timeout: (status, output)
        return ("report",)


@dataclass
class ArrangedRecording(ArrangedFake):
    """The recording target, whose host is a fake: reached over its wire, arranged behind it."""

    recorded: RecordingWorkloads = field(default_factory=lambda: RecordingWorkloads(""))

    def __post_init__(self) -> None:
        self.host, self.workloads = self.workloads, cast("FakeWorkloads", self.recorded)

    def unready(self, commit: str) -> DesiredWorkload:
        self.host.never_ready.add(commit * 40)
        return self.desired(commit)

    def variables_of(self, container: str) -> dict[str, str]:
        return self.host.environments[container]

    def set_output(self, status: int, output: str) -> tuple[str, ...]:
        self.host.execution = lambda container, command, timeout: (status, output)
        return ("report",)


World = ArrangedFake | ArrangedWorkloads


@pytest.fixture(params=["fake", "recording", "docker"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    match request.param:
        case "fake":
            yield ArrangedFake()
        case "docker":
            yield request.getfixturevalue("arranged_workloads")
        case "recording":
            with RecordingTarget(0, tmp_path / "log") as target:
                Thread(target=target.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
                with RecordingWorkloads(target.address) as workloads:
                    yield ArrangedRecording(workloads=target.host, recorded=workloads)
                target.shutdown()


def deploy(world: World, desired: DesiredWorkload, fence: int = 1) -> WorkloadState:
    return world.workloads.deploy(desired, {"PASSWORD": "hunter2-planted"}, fence, world.log.append)


def commits(world: World, state: WorkloadState) -> Sequence[str]:
    return [world.variables_of(container.id)["PRATIQUE_COMMIT"][0] for container in state.containers]


def test_nothing_runs_where_nothing_was_deployed(world: World) -> None:
    assert world.workloads.look(world.service, "dev") == WorkloadState()
    with pytest.raises(Refused, match=f"nothing serves {world.service} in dev"):
        world.workloads.execute(world.service, "dev", ["true"], timedelta(seconds=5))


def test_what_was_deployed_serves_and_is_looked_up(world: World) -> None:
    desired = world.desired("1")
    state = deploy(world, desired, fence=3)
    assert world.workloads.look(world.service, "dev") == state
    [container] = state.containers
    assert state.serving == container
    assert (container.release, container.specification) == (desired.release, desired.specification)
    assert (container.fence, container.healthy, state.fence) == (3, True, 3)
    assert state.address.startswith("127.0.0.1:")


def test_the_container_knows_its_variables_secrets_and_who_it_is(world: World) -> None:
    desired = world.desired("1", variables={"GREETING": "hello", "PRATIQUE_COMMIT": "spoofed"})
    [container] = deploy(world, desired).containers
    found = world.variables_of(container.id)
    assert {name: found[name] for name in ("GREETING", "PASSWORD")} == {"GREETING": "hello", "PASSWORD": "hunter2-planted"}
    assert {name: value for name, value in found.items() if name.startswith("PRATIQUE_")} == {
        "PRATIQUE_SERVICE": world.service,
        "PRATIQUE_ENVIRONMENT": "dev",
        "PRATIQUE_RELEASE": desired.release,
        "PRATIQUE_COMMIT": "1" * 40,
    }


def test_the_same_again_does_nothing_and_says_why(world: World) -> None:
    first = deploy(world, world.desired("1"))
    world.log.clear()
    again = deploy(world, world.desired("1"), fence=2)
    assert again.containers == first.containers
    assert again.address == first.address
    [line] = world.log
    assert "nothing to do, because" in line


def test_another_release_replaces_the_one_before_at_the_same_address(world: World) -> None:
    first = deploy(world, world.desired("1"))
    second = deploy(world, world.desired("2"), fence=2)
    assert commits(world, second) == ["2"]
    assert second.address == first.address
    assert second.containers[0].id != first.containers[0].id


def test_a_release_that_does_not_become_ready_leaves_the_one_before_serving(world: World) -> None:
    before = deploy(world, world.desired("1"))
    with pytest.raises(Refused, match="not ready"):
        deploy(world, world.unready("2"), fence=2)
    after = world.workloads.look(world.service, "dev")
    assert after.containers == before.containers
    assert after.address == before.address


def test_a_lower_fence_than_the_place_has_seen_is_refused_and_changes_nothing(world: World) -> None:
    deploy(world, world.desired("1"), fence=5)
    # Nothing was to be done under fence 7, and yet nobody before it may write any more.
    seen = deploy(world, world.desired("1"), fence=7)
    with pytest.raises(FenceLost, match="fence 7"):
        deploy(world, world.desired("2"), fence=6)
    assert world.workloads.look(world.service, "dev") == seen


def test_environments_and_services_do_not_see_each_other(world: World) -> None:
    dev = deploy(world, world.desired("1"))
    elsewhere = world.desired("2").model_copy(update={"environment": "staging"})
    staging = deploy(world, elsewhere)
    assert commits(world, staging) == ["2"]
    assert world.workloads.look(world.service, "dev") == dev


@pytest.mark.parametrize(("status", "output"), [(0, "all is well"), (7, "not at all")])
def test_a_command_ends_with_its_status_and_output(world: World, status: int, output: str) -> None:
    deploy(world, world.desired("1"))
    command = world.set_output(status, output)
    assert world.workloads.execute(world.service, "dev", command, timedelta(seconds=20)) == (status, output)


def test_after_removal_nothing_is_left_and_removing_again_is_harmless(world: World) -> None:
    deploy(world, world.desired("1"))
    world.workloads.remove(world.service, "dev")
    world.workloads.remove(world.service, "dev")
    assert world.workloads.look(world.service, "dev") == WorkloadState()
