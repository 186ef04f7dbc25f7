"""What clients of a service see while it is deployed: nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from pratique.errors import Refused
from tests.services.engine import ArrangedWorkloads


@contextmanager
def polling(address: str) -> Iterator[list[str]]:
    """Everything that a client which never pauses is answered, one new connection each; an error is an answer, too."""
    answers: list[str] = []
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            try:
                response = httpx.get(f"http://{address}/cgi-bin/commit", timeout=10, trust_env=False)
                answers.append(response.text[:1] if response.is_success else f"status {response.status_code}")
            except httpx.HTTPError as error:
                answers.append(repr(error))

    clients = [threading.Thread(target=poll) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        yield answers
    finally:
        over.set()
        for client in clients:
            client.join()


def test_a_client_that_polls_all_the_time_sees_no_failure_while_releases_change(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    address = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append).address
    with polling(address) as answers:
        for fence, commit in enumerate("234", start=2):
            world.workloads.deploy(world.desired(commit), {}, fence, world.log.append)
    assert sorted(set(answers)) == ["1", "2", "3", "4"]
    assert answers[-1] == "4"


def test_a_slow_request_begun_before_the_switch_is_answered_in_full_by_the_release_that_took_it(
    arranged_workloads: ArrangedWorkloads,
) -> None:
    world = arranged_workloads
    before = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    with httpx.stream("GET", f"http://{before.address}/cgi-bin/held", timeout=600, trust_env=False) as response:
        lines = response.iter_lines()
        assert next(lines) == f"{'1' * 40} begins"
        patient = world.desired("2", drain=timedelta(hours=1))
        deployment = threading.Thread(target=world.workloads.deploy, args=(patient, {}, 2, world.log.append))
        deployment.start()
        while httpx.get(f"http://{before.address}/cgi-bin/commit", timeout=60, trust_env=False).text != "2" * 40:
            assert deployment.is_alive(), world.log
        world.go_on(before.containers[0].id)
        assert list(lines) == [f"{'1' * 40} ends"]
    deployment.join()
    assert not any("outlast the drain" in line for line in world.log)


def test_a_connection_that_outlasts_the_drain_is_cut_and_said_so(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    address = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append).address
    with httpx.stream("GET", f"http://{address}/cgi-bin/held", timeout=600, trust_env=False) as response:
        lines = response.iter_lines()
        assert next(lines).endswith("begins")
        # It would never end by itself.
        hasty = world.desired("2", drain=timedelta(milliseconds=100))
        state = world.workloads.deploy(hasty, {}, 2, world.log.append)
        assert list(lines) == []
    assert len(state.containers) == 1
    assert any("outlast the drain" in line for line in world.log)


@pytest.mark.parametrize("variables", [{"ENDS_AT_ONCE": "1"}, {"NEVER_READY": "1"}], ids=["ends", "never ready"])
def test_while_a_release_fails_the_one_before_is_never_missed(
    arranged_workloads: ArrangedWorkloads, variables: dict[str, str]
) -> None:
    world = arranged_workloads
    before = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    # Time enough to say something, on a busy machine, too.
    failing = world.desired("2", variables=variables, ready_within=timedelta(seconds=3))
    with polling(before.address) as answers, pytest.raises(Refused) as refused:
        world.workloads.deploy(failing, {"PASSWORD": "hunter2-planted"}, 2, world.log.append)
    assert set(answers) == {"1"}
    assert "the secret is ********" in str(refused.value)
    assert "hunter2-planted" not in f"{refused.value!r} {world.log}"
    assert world.workloads.look(world.service, "dev").containers == before.containers


def test_traffic_follows_a_container_whose_address_has_changed_with_a_restart(arranged_workloads: ArrangedWorkloads) -> None:
    world = arranged_workloads
    state = world.workloads.deploy(world.desired("1"), {}, 1, world.log.append)
    [running] = state.containers
    container = world.client.containers.get(running.id)
    [network] = container.attrs["NetworkSettings"]["Networks"]
    before = container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
    container.stop(timeout=1)
    squatter = world.client.containers.create(
        container.attrs["Config"]["Image"],
        command=[],
        network=network,
        labels={"io.pratique.stack": world.target.stack},
    )
    squatter.start()
    container.start()
    container.reload()
    assert container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"] != before
    with polling(state.address) as answers:
        wait_until_contains(answers, "1")


def wait_until_contains(answers: list[str], wanted: str) -> None:
    """Poll, until the test's own time limit ends it."""
    seen = threading.Event()
    while wanted not in answers:
        seen.wait(0.05)
