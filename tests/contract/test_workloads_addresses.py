"""Where a workload is published, and at which address it is reached, on a real Docker host."""

from __future__ import annotations

import httpx
import pytest

from pratique.clients.engine import DockerWorkloads
from pratique.settings import DockerTarget
from tests.services.engine import ArrangedWorkloads


def at(world: ArrangedWorkloads, address: str) -> DockerWorkloads:
    target = DockerTarget(
        engine=world.target.engine, front_image=world.target.front_image, stack=world.target.stack, address=address
    )
    return DockerWorkloads(world.client, target, world.workloads._registry)


def published(world: ArrangedWorkloads) -> list[str]:
    fronts = world.client.containers.list(
        all=True, filters={"label": [f"io.pratique.service={world.service}", "io.pratique.role=front"]}
    )
    return [front.attrs["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostIp"] for front in fronts]


@pytest.mark.parametrize(
    ("address", "host", "interface"),
    [
        ("::1", "[::1]", "::1"),
        ("[::1]", "[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "[::1]", "::1"),
        ("127.0.0.2", "127.0.0.2", "127.0.0.2"),
        ("localhost", "localhost", "127.0.0.1"),
    ],
)
def test_on_loopback_it_is_published_there_alone_and_reached(
    arranged_workloads: ArrangedWorkloads, address: str, host: str, interface: str
) -> None:
    world = arranged_workloads
    state = at(world, address).deploy(world.desired("1"), {}, 1, world.log.append)
    assert state.address.rpartition(":")[0] == host
    assert published(world) == [interface]
    assert httpx.get(f"http://{state.address}/cgi-bin/commit", trust_env=False).text[:1] == "1"


def test_one_that_was_published_elsewhere_is_moved_with_the_next_release(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    before = at(world, "127.0.0.1").deploy(world.desired("1"), {}, 1, world.log.append)
    after = at(world, "::1").deploy(world.desired("2"), {}, 2, world.log.append)
    assert after.address == before.address.replace("127.0.0.1", "[::1]")
    assert published(world) == ["::1"]
    assert httpx.get(f"http://{after.address}/cgi-bin/commit", trust_env=False).text[:1] == "2"
