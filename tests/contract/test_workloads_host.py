"""How a workload sits on a real Docker host, and what else the host may hold."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from datetime import timedelta

import httpx
import pytest

from pratique.clients.engine import DockerWorkloads, connect
from pratique.clients.engine.image import require_image
from pratique.errors import Refused, Transient
from pratique.local.engine import remove_all
from pratique.local.process import free_port
from pratique.settings import DockerTarget
from pratique.values.references import ImageReference
from tests.services.engine import ArrangedWorkloads
from tests.services.registry import RealRegistry


def commit_at(address: str) -> str:
    return httpx.get(f"http://{address}/cgi-bin/commit", trust_env=False).text[:1]


def test_the_container_is_hardened_limited_and_labelled(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    desired = world.desired("1")
    [running] = world.workloads.deploy(desired, {}, 7, world.log.append).containers
    attributes = world.client.containers.get(running.id).attrs
    host, labels = attributes["HostConfig"], attributes["Config"]["Labels"]
    assert {
        name: host[name]
        for name in ("ReadonlyRootfs", "CapDrop", "SecurityOpt", "Memory", "MemorySwap", "NanoCpus", "PidsLimit", "Init")
    } == {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "Memory": 64 * 1024**2,
        "MemorySwap": 64 * 1024**2,
        "NanoCpus": 1_000_000_000,
        "PidsLimit": 32,
        "Init": True,
    }
    assert attributes["Config"]["User"] == "65532:65532"
    assert host["RestartPolicy"]["Name"] == "always"
    assert not host["PortBindings"]
    assert list(host["Tmpfs"]) == ["/tmp"]  # noqa: S108
    assert {name.removeprefix("io.pratique."): value for name, value in labels.items() if name.startswith("io.pratique.")} == {
        "service": world.service,
        "environment": "dev",
        "release": desired.release,
        "commit": "1" * 40,
        "specification": desired.specification,
        "fence": "7",
        "role": "workload",
        "stack": world.target.stack,
        "port": "8080",
        "alias": f"workload-{desired.specification[7:19]}",
        "secrets": "",
    }


def test_the_front_is_hardened_and_published_on_loopback_alone(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    address = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append).address
    [front] = world.client.containers.list(
        filters={"label": [f"io.pratique.service={world.service}", "io.pratique.role=front"]}
    )
    host = front.attrs["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert front.attrs["Config"]["User"] == "65532:65532"
    assert host["PortBindings"] == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": address.partition(":")[2]}]}


def test_a_port_that_is_asked_for_is_taken_and_may_be_changed(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    one, two = free_port(), free_port()
    first = world.workloads.deploy(world.desired("1", publish=one), {}, 1, world.log.append)
    assert first.address == f"127.0.0.1:{one}"
    second = world.workloads.deploy(world.desired("2", publish=two), {}, 2, world.log.append)
    assert second.address == f"127.0.0.1:{two}"
    assert commit_at(second.address) == "2"
    with pytest.raises(httpx.ConnectError):
        commit_at(first.address)
    # Without a wish, it stays where it is.
    assert world.workloads.deploy(world.desired("3"), {}, 3, world.log.append).address == second.address


def test_a_port_that_somebody_else_has_is_refused_and_the_release_before_serves_on(
    arranged_workloads: ArrangedWorkloads,
) -> None:
    world = arranged_workloads
    before = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]
        with pytest.raises(Refused, match=f"on port {taken}.*publish another port"):
            world.workloads.deploy(world.desired("2", publish=taken), {}, 2, world.log.append)
    assert world.workloads.look(world.service, "dev").containers == before.containers
    assert commit_at(before.address) == "1"
    # The place is as it was: a killed front would come back with this configuration.
    assert commit_at(world.workloads.deploy(world.desired("3"), {}, 3, world.log.append).address) == "3"


def test_a_picked_port_that_is_taken_is_passed_over(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    usual = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append).address
    world.workloads.remove(world.service, "dev")
    with socket.create_server(("127.0.0.1", int(usual.partition(":")[2]))):
        other = world.workloads.deploy(world.desired("1"), {}, 2, world.log.append).address
    assert other != usual
    assert commit_at(other) == "1"


def test_another_front_image_takes_over_at_the_same_address(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    first = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    other = f"{world.target.front_image}-other"
    world.client.images.get(world.target.front_image).tag(other)
    try:
        target = world.target.model_copy(update={"front_image": other})
        workloads = DockerWorkloads(world.client, target, world.workloads._registry)
        second = workloads.deploy(world.desired("2"), {}, 2, world.log.append)
        assert second.address == first.address
        assert commit_at(second.address) == "2"
        workloads.remove(world.service, "dev")
    finally:
        world.client.api.remove_image(other)


def test_a_front_that_was_stopped_by_hand_serves_again_after_a_deployment(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    before = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    [front] = world.client.containers.list(
        filters={"label": [f"io.pratique.service={world.service}", "io.pratique.role=front"]}
    )
    front.stop(timeout=1)
    assert world.workloads.look(world.service, "dev").serving is None
    after = world.workloads.deploy(world.desired("1"), {}, 2, world.log.append)
    assert [one.id for one in after.containers] == [one.id for one in before.containers]
    assert commit_at(before.address) == "1"


def test_a_front_that_died_comes_back_and_takes_the_next_release(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    address = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append).address
    [front] = world.client.containers.list(
        filters={"label": [f"io.pratique.service={world.service}", "io.pratique.role=front"]}
    )
    os.kill(front.attrs["State"]["Pid"], signal.SIGKILL)
    while not (front.status == "running" and front.attrs["RestartCount"] == 1):
        front.reload()
    world.workloads.deploy(world.desired("2"), {}, 2, world.log.append)
    assert commit_at(address) == "2"


def test_a_serving_container_that_is_ill_is_replaced_by_one_like_it(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    before = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    world.client.containers.get(before.containers[0].id).stop(timeout=1)
    after = world.workloads.deploy(world.desired("1"), {}, 2, world.log.append)
    assert [one.healthy for one in after.containers] == [True]
    assert after.containers[0].id != before.containers[0].id
    assert commit_at(after.address) == "1"


def test_without_a_health_check_a_container_that_keeps_running_is_ready(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    state = world.workloads.deploy(world.desired("1", healthcheck=None), {}, 1, world.log.append)
    assert commit_at(state.address) == "1"
    with pytest.raises(Refused, match=r"ended with status 3; its last lines: .*the secret is"):
        world.workloads.deploy(world.desired("2", healthcheck=None, variables={"ENDS_AT_ONCE": "1"}), {}, 2, world.log.append)


def test_a_command_that_does_not_end_is_given_up(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    command = ["/bin/busybox", "sh", "-c", "echo begun; busybox sleep 60"]
    status, output = world.workloads.execute(world.service, "dev", command, timedelta(seconds=3))
    assert (status, output) == (124, "it did not end within 3 s begun")


def test_of_a_long_output_the_beginning_is_kept(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    command = ["/bin/busybox", "sh", "-c", "busybox yes abcdefg | busybox head -c 1000000"]
    status, output = world.workloads.execute(world.service, "dev", command, timedelta(seconds=20))
    assert (status, len(output)) == (0, 4095)
    assert output.startswith("abcdefg\nabcdefg")


def test_a_command_that_is_not_there_ends_with_a_status_or_is_refused(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    status, output = world.workloads.execute(world.service, "dev", ["/nowhere", "--help"], timedelta(seconds=20))
    assert status in (126, 127)
    assert "/nowhere" in output


def test_an_image_that_the_registry_does_not_have_is_refused_and_nothing_is_left(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    absent = ImageReference(repository=world.image.repository, digest=f"sha256:{'0' * 64}")
    with pytest.raises(Refused, match=f"pull .*{absent.digest}.*push the image first"):
        world.workloads.deploy(world.desired("1").model_copy(update={"image": absent}), {}, 1, world.log.append)
    assert world.workloads.look(world.service, "dev").containers == ()


def test_a_registry_that_is_down_is_transient(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    workloads = DockerWorkloads(world.client, world.target, f"127.0.0.1:{free_port()}")
    with pytest.raises(Transient, match="connection refused"):
        workloads.deploy(world.desired("1"), {}, 1, world.log.append)


def test_an_engine_that_is_not_there_is_transient_and_an_address_that_is_none_invalid() -> None:
    with pytest.raises(Transient, match="no Docker Engine answers"), connect(f"tcp://127.0.0.1:{free_port()}"):
        pass
    with pytest.raises(Refused, match="engine address gopher://hole"), connect("gopher://hole"):
        pass


def test_what_is_not_labelled_as_ours_is_never_touched(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    stranger = world.client.containers.create(
        world.target.front_image,
        name=f"pratique-{world.service}-dev-stranger",
        labels={"io.pratique.service": world.service, "io.pratique.environment": "prod"},
    )
    try:
        world.workloads.deploy(world.desired("2"), {}, 2, world.log.append)
        world.workloads.remove(world.service, "dev")
        assert remove_all(world.target.engine, f"another-{secrets.token_hex(4)}") == 0
        stranger.reload()
        assert stranger.status == "created"
    finally:
        stranger.remove(force=True)


def test_two_places_whose_names_meet_are_told_apart(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    ours = world.desired("1").model_copy(update={"service": f"{world.service}-a", "environment": "b"})
    theirs = world.desired("1").model_copy(update={"service": world.service, "environment": "a-b"})
    world.workloads.deploy(ours, {}, 1, world.log.append)
    with pytest.raises(Refused, match=f"belongs to {world.service}-a in b, not to {world.service} in a-b"):
        world.workloads.deploy(theirs, {}, 1, world.log.append)


def test_everything_of_a_stack_goes_at_once(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    world.workloads.deploy(world.desired("2").model_copy(update={"environment": "prod"}), {}, 1, world.log.append)
    assert remove_all(world.target.engine, world.target.stack) == 4
    labelled: dict[str, str | list[str] | bool] = {"label": f"io.pratique.stack={world.target.stack}"}
    assert not world.client.containers.list(all=True, filters=labelled)
    assert not world.client.networks.list(filters=labelled)
    assert not world.client.volumes.list(filters=labelled)


def test_a_front_image_is_required_that_can_be_had(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    target = DockerTarget(
        engine=world.target.engine, front_image=f"127.0.0.1:{free_port()}/haproxy:1", stack=world.target.stack
    )
    with pytest.raises(Transient, match=r"pull .*haproxy:1"):
        DockerWorkloads(world.client, target, "unused").deploy(world.desired("1"), {}, 1, world.log.append)


def test_a_registry_with_a_login_gives_its_images_to_who_has_one(
    arranged_workloads: ArrangedWorkloads, password_registry: RealRegistry
) -> None:
    world, user = arranged_workloads, password_registry.credentials
    assert user is not None
    require_image(world.client, f"{world.workloads._registry}/{world.image}", auth=None)
    repository = f"{password_registry.address}/{world.image.repository}"
    world.client.images.get(f"{world.workloads._registry}/{world.image}").tag(repository, "1")
    login = {"username": user.username, "password": user.password}
    pushed = list(world.client.images.push(repository, tag="1", stream=True, decode=True, auth_config=login))
    [digest] = [line["aux"]["Digest"] for line in pushed if "aux" in line]
    world.client.api.remove_image(f"{repository}:1", force=True)
    desired = world.desired("1").model_copy(update={"image": ImageReference(repository=world.image.repository, digest=digest)})
    stranger = DockerWorkloads(world.client, world.target, password_registry.address)
    with pytest.raises(Refused, match=r"pull .*give the engine credentials"):
        stranger.deploy(desired, {}, 1, world.log.append)
    known = DockerWorkloads(world.client, world.target, password_registry.address, credentials=user)
    assert commit_at(known.deploy(desired, {}, 1, world.log.append).address) == "1"
