"""Killed with `kill -9` while a release is made: the same command run again makes the same release, and delivers it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from pratique.values.release import image_repository, release_repository
from tests.faults.conftest import Wires
from tests.faults.place import TRANSIENT, Dev
from tests.faults.watching import Command, Gate, process_of
from tests.services.stack import RunningStack, Service, running_here

pytestmark = pytest.mark.xdist_group("faults")


def in_build(service: Service, wires: Wires) -> Gate:
    """The engine fetches a file in the middle of the Dockerfile; any constant answer would do, and `{}` is the registry's."""
    greeting = f"http://{wires.registry.address}/v2/"
    service.edit("Dockerfile", "COPY serve /bin/serve", f"COPY serve /bin/serve\nADD {greeting} /greeting")
    gate = Gate()
    wires.registry.before(gate, method="GET", path="^/v2/$")
    return gate


def in_push(service: Service, wires: Wires) -> Gate:
    """Every blob is there, and the manifest that names them is about to be."""
    service.edit("serve", "set -eu", "set -eu\n# to be pushed")
    gate = Gate()
    wires.registry.before(gate, method="PUT", path="/images/.*/manifests/kept-")
    return gate


def in_sign_image(service: Service, wires: Wires) -> Gate:
    """The image is signed, and its provenance and its bill of materials are about to be."""
    service.edit("serve", "set -eu", "set -eu\n# to be signed")
    gate = Gate(passing=1)
    wires.vault.before(gate, path="/transit/sign/", times=gate.requests)
    return gate


def in_sign_release(service: Service, wires: Wires) -> Gate:
    """The release is stored and found by its tag, and nobody has signed it."""
    service.edit("serve", "set -eu", "set -eu\n# to be released")
    gate = Gate(passing=3)
    wires.vault.before(gate, path="/transit/sign/", times=gate.requests)
    return gate


POINTS = {
    "build hello": in_build,
    "push hello": in_push,
    "sign hello": in_sign_image,
    "sign the release": in_sign_release,
}


@pytest.mark.parametrize("step", POINTS)
def test_the_same_delivery_again_goes_on_where_one_was_killed(
    stack: RunningStack, service: Service, dev: Dev, wires: Wires, step: str
) -> None:
    arrange: Callable[[Service, Wires], Gate] = POINTS[step]
    gate = arrange(service, wires)
    commit, before = service.commit(f"Killed in: {step}"), dev.serves()
    with Command(stack, "deliver", service.repository, "--through", "dev") as delivery:
        gate.until_reached()
        delivery.inside(step)
        process_of(stack, delivery.run_id).kill()
        code, output = delivery.ended()
    assert code == TRANSIENT, output
    assert "Crashed" in output
    assert dev.history()[0].commit == before, "nothing was promoted"
    gate.open()
    wires.heal()

    service.delivered("--through", "dev")
    dev.require_settled(commit)
    assert stack.pratique("verify", service.name).returncode == 0


def test_what_was_made_after_a_kill_is_what_is_made_without_one(stack: RunningStack, service: Service, dev: Dev) -> None:
    held = dev.history()[0]
    with stack.clients() as clients, clients.ledger() as ledger:
        (stored,) = ledger.releases(service.name, limit=1)
    assert stored.digest == held.release
    registry = f"http://{stack.settings().registry.address}/v2"
    image = stored.release.images[0].reference
    for repository, digest in (
        (release_repository(service.name), stored.digest),
        (image_repository(service.name, "hello"), image.digest),
    ):
        assert httpx.delete(f"{registry}/{repository}/manifests/{digest}").status_code == 202

    with running_here():
        done = service.deliver("--through", "dev")
    assert done.returncode == 0, done.stderr
    assert "build hello" in done.stdout
    assert dev.history()[0].release == held.release
    dev.require_settled(held.commit)


def test_what_a_killed_delivery_left_running_in_prefect_is_ended_when_the_stack_comes_up(
    stack: RunningStack, service: Service
) -> None:
    """Its sub-flow has no process of its own, so no worker finds it dead."""
    with stack.clients() as clients, clients.prefect() as prefect:
        lost = [run for run in prefect.unfinished() if str(service.repository) in run.name]
        assert lost
        stack.local.up(print)
        assert [run.state_name for run in map(prefect.run, (run.id for run in lost))] == ["Crashed"] * len(lost)
