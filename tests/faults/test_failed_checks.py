"""What fails after something changed is undone: the environment goes back to the release that was granted last."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Self

import httpx
import pytest

from pratique.clients.engine.place import FRONT_ROLE
from tests.faults.place import REFUSED, Dev
from tests.faults.watching import Command
from tests.services.stack import RunningStack, Service, running_here

pytestmark = pytest.mark.xdist_group("faults")

NEVER = "  - name: never\n    command: {run: [/bin/busybox, test, -e, /nowhere]}\n    deadline: 1s\n"
IMPOSSIBLE = """\
  Impossible:
    Type: AWS::SSM::Parameter
    Properties: {Name: aws-keeps-this-for-itself, Type: String, Value: nothing}

"""
"""What is found out when the stack is changed, and not before."""


class Visitor:
    """Asks for the service's version all the time, as its users do."""

    def __init__(self, address: str) -> None:
        self._url, self._leaves = f"http://{address}/version", threading.Event()
        self.seen: Counter[str] = Counter()
        """Commits that answered, and errors."""

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaves.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._leaves.wait(0.05):
            try:
                # A connection each time: each is a chance to meet a front that is just being reloaded.
                answer = httpx.get(self._url, timeout=30)
                self.seen[answer.json()["commit"] if answer.is_success else f"status {answer.status_code}"] += 1
            except httpx.HTTPError as error:
                self.seen[repr(error)] += 1


@pytest.mark.parametrize("way", [nullcontext, running_here], ids=["by Prefect", "here"])
def test_a_failed_check_brings_the_environment_back_and_the_next_good_commit_goes_through(
    stack: RunningStack, service: Service, dev: Dev, way: Callable[[], AbstractContextManager[object]]
) -> None:
    before = dev.history()[0]
    service.edit("pratique.yaml", "checks:\n", f"checks:\n{NEVER}")
    service.edit("infrastructure/messages/template.yaml", "Default: 3600", "Default: 7200")
    bad = service.commit("A check that never passes")
    with way():
        done = service.deliver("--through", "dev")

    assert done.returncode == REFUSED, done.stdout + done.stderr
    said = " ".join(done.stderr.split())
    assert "check never failed" in said
    assert f"dev was rolled back to {service.name} {before.commit[:12]}" in said
    failed = dev.history()[0]
    assert (failed.state, failed.commit) == ("failed", bad)
    assert "check never failed" in failed.reason
    assert "was rolled back to" in failed.reason
    assert dev.is_free()
    # Workload and infrastructure are what they were: nothing would change by promoting what was there before.
    assert dev.serves() == before.commit
    assert len(dev.containers()) == 1
    plan = stack.read("plan", service.name, "--to", "dev", "--release", before.release)
    assert plan["changes"] == []
    assert stack.held(service.name)["dev"]["commit"] == before.commit[:12]

    service.edit("pratique.yaml", NEVER, "")
    service.edit("infrastructure/messages/template.yaml", "Default: 7200", "Default: 3600")
    service.lift("dev")
    good = service.commit("Without it")
    service.delivered("--through", "dev")
    dev.require_settled(good)


def test_a_first_release_whose_check_fails_is_withdrawn(stack: RunningStack) -> None:
    service = Service(stack, f"faults-{uuid.uuid4().hex[:8]}")
    dev = Dev(service)
    service.edit("pratique.yaml", "checks:\n", f"checks:\n{NEVER}")
    service.commit("A check that never passes")
    with running_here():
        done = service.deliver("--through", "dev")

    assert done.returncode == REFUSED, done.stdout + done.stderr
    assert "dev held no release before, so the workload was withdrawn" in " ".join(done.stderr.split())
    assert [one.state for one in dev.history()] == ["failed"]
    assert dev.containers() == dev.containers(FRONT_ROLE) == []
    assert dev.is_free()
    assert stack.held(service.name)["dev"]["release"] is None


def test_a_container_that_never_becomes_healthy_costs_nobody_a_request(stack: RunningStack, service: Service, dev: Dev) -> None:
    before = dev.serves()
    service.edit("serve", "echo ok > /tmp/www/healthz", "echo ok > /tmp/www/elsewhere")
    service.edit("pratique.yaml", "  drain: 4m\n", "  drain: 4m\n  ready_within: 5s\n")
    bad = service.commit("Never healthy")
    with Visitor(dev.address) as visitor, running_here():
        done = service.deliver("--through", "dev")

    assert done.returncode == REFUSED, done.stdout + done.stderr
    assert "was not ready within 5 s" in " ".join(done.stderr.split())
    assert visitor.seen.keys() == {before}
    failed = dev.history()[0]
    assert (failed.state, failed.commit) == ("failed", bad)
    assert dev.serves() == before
    assert len(dev.containers()) == 1
    assert dev.is_free()

    service.edit("serve", "echo ok > /tmp/www/elsewhere", "echo ok > /tmp/www/healthz")
    service.edit("pratique.yaml", "  ready_within: 5s\n", "")
    service.lift("dev")
    good = service.commit("Healthy again")
    with Visitor(dev.address) as visitor:
        service.delivered("--through", "dev")
    assert visitor.seen.keys() <= {before, good}
    dev.require_settled(good)


def test_infrastructure_that_fails_leaves_the_old_release_serving(stack: RunningStack, service: Service, dev: Dev) -> None:
    before = dev.history()[0]
    serving = [container.id for container in dev.containers()]
    template = "infrastructure/messages/template.yaml"
    service.edit(template, "Resources:\n", f"Resources:\n{IMPOSSIBLE}")
    bad = service.commit("A parameter that cannot be")
    with Command(stack, "deliver", service.repository, "--through", "dev") as delivery:
        code, output = delivery.ended()
        attempts = delivery.attempts()

    assert code == REFUSED, output
    # Once for this release, which is refused and not asked again, and once more to go back.
    assert attempts["provision messages in dev"] == 1
    failed = dev.history()[0]
    assert (failed.state, failed.commit) == ("failed", bad)
    assert f"stack pratique-{service.name}--dev--messages" in failed.reason
    assert dev.serves() == before.commit
    assert [container.id for container in dev.containers()] == serving
    assert dev.is_free()
    plan = stack.read("plan", service.name, "--to", "dev", "--release", before.release)
    assert plan["changes"] == []

    service.edit(template, IMPOSSIBLE, "")
    service.lift("dev")
    good = service.commit("Without it")
    service.delivered("--through", "dev")
    dev.require_settled(good)
