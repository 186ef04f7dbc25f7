"""One promotion of an environment at a time: two deliveries at once, cancelled ones, and the way back."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pratique.clients.engine.place import FENCE, RELEASE
from pratique.values.promotion import Promotion, PromotionState
from tests.faults.place import DONE, REFUSED, Dev
from tests.faults.watching import Command, eventually
from tests.services.stack import RunningStack, Service

pytestmark = pytest.mark.xdist_group("faults")

NEVER_READY = "trap 'exit 0' TERM\nwhile :; do busybox sleep 0.1; done"


@contextmanager
def somebody_else(dev: Dev) -> Iterator[Promotion]:
    """Within it another promotion holds the environment's lock."""
    newest = dev.history()[0]
    fields = {"id": str(uuid.uuid4()), "state": PromotionState.RUNNING, "fence": None, "finished_at": None, "run_url": ""}
    other = newest.model_copy(update={**fields, "started_at": datetime.now(UTC), "requested_by": "somebody else"})
    with dev.stack.clients() as clients, clients.ledger() as ledger:
        ledger.begin(other)
        assert ledger.acquire(other.id, timedelta(hours=1)) is not None
        try:
            yield other
        finally:
            ledger.finish(other.id, PromotionState.FAILED, reason="it was there for a test")


def waiting(dev: Dev) -> list[str]:
    """The commits that wait for the environment."""
    with dev.stack.clients() as clients, clients.ledger() as ledger:
        return [one.commit for one in ledger.queue(dev.service.name, "dev")]


def under_the_lock(step: dict[str, Any], promotion: Promotion) -> bool:
    """Whether the step belongs to the promotion's run, and to what it does while it holds the lock."""
    names = {"plan dev", "provision messages in dev", "deploy to dev", "check dev", "grant dev"}
    return step["name"] in names and promotion.run_url.endswith(step["flow_run_id"])


def test_two_deliveries_at_once_are_both_granted_one_after_the_other(stack: RunningStack, service: Service, dev: Dev) -> None:
    commits = []
    for name in ("first", "second"):
        service.edit("serve", "set -eu", f"set -eu\n# the {name} of two")
        commits.append(service.commit(f"The {name} of two"))
    with ExitStack() as running:
        with somebody_else(dev):
            deliveries = [
                running.enter_context(Command(stack, "deliver", service.repository, "--ref", commit, "--through", "dev"))
                for commit in commits
            ]
            eventually(lambda: sorted(waiting(dev)) == sorted(commits), "both wait")
            order = waiting(dev)
        ended = [delivery.ended() for delivery in deliveries]
        steps = [step for delivery in deliveries for step in delivery.steps()]

    assert [code for code, _ in ended] == [DONE, DONE], ended
    later, earlier = dev.history()[:2] if dev.history()[0].commit == order[1] else dev.history()[1::-1]
    assert [(one.state, one.commit) for one in (earlier, later)] == [("granted", commit) for commit in order]
    assert earlier.fence is not None
    assert later.fence == earlier.fence + 1
    # What is done under the lock, by run: the later one has begun with it when the earlier one had ended.
    began = {one.run_url: min(step["start_time"] for step in steps if under_the_lock(step, one)) for one in (earlier, later)}
    done = {one.run_url: max(step["end_time"] for step in steps if under_the_lock(step, one)) for one in (earlier, later)}
    assert done[earlier.run_url] < began[later.run_url]
    (serving,) = dev.containers()
    assert serving.labels[FENCE] == str(later.fence)
    dev.require_settled(order[1])


def test_a_promotion_that_is_cancelled_while_it_waits_leaves_the_queue(stack: RunningStack, service: Service, dev: Dev) -> None:
    before = dev.serves()
    commit = service.commit("To be cancelled while it waits")
    with somebody_else(dev), Command(stack, "deliver", service.repository, "--through", "dev") as delivery:
        eventually(lambda: waiting(dev) == [commit], "it waits for the lock")
        run = delivery.run_of("dev")
        delivery.cancel(run)
        code, output = delivery.ended()
        assert code == REFUSED, output
        assert "Cancelled" in output
        assert delivery.state(run) == "Cancelled"
        assert waiting(dev) == []
        cancelled = next(one for one in dev.history() if one.commit == commit)
        assert (cancelled.state, cancelled.fence) == ("cancelled", None)
        assert cancelled.reason == "its run was cancelled"
    assert dev.is_free()
    assert dev.serves() == before


@pytest.mark.parametrize("cancelled", ["promotion", "delivery"])
def test_a_promotion_that_is_cancelled_while_it_deploys_leaves_the_environment_as_it_was(
    stack: RunningStack, service: Service, dev: Dev, cancelled: str
) -> None:
    before, serving = dev.serves(), [container.id for container in dev.containers()]
    service.edit("serve", "unset DB_PASSWORD", f"unset DB_PASSWORD\n{NEVER_READY}")
    commit = service.commit(f"To be cancelled with its {cancelled}")
    with Command(stack, "deliver", service.repository, "--through", "dev") as delivery:
        eventually(lambda: dev.running() == 2, "the new container runs")
        run = delivery.run_of("dev")
        delivery.cancel(run if cancelled == "promotion" else delivery.run_id)
        code, output = delivery.ended()
        eventually(lambda: delivery.state(run) == "Cancelled", "the promotion is cancelled")

    assert code == REFUSED, output
    ended = dev.history()[0]
    assert (ended.state, ended.commit) == ("cancelled", commit)
    assert ended.reason.startswith("its run was cancelled; dev was rolled back to")
    assert dev.is_free()
    assert dev.serves() == before
    assert [container.id for container in dev.containers()] == serving
    service.edit("serve", f"\n{NEVER_READY}", "")
    good = service.commit("Ready again")
    service.delivered("--through", "dev")
    dev.require_settled(good)


def test_a_rollback_brings_the_earlier_release_back_and_records_who_and_why(
    stack: RunningStack, service: Service, dev: Dev
) -> None:
    service.edit("infrastructure/messages/template.yaml", "Default: 3600", "Default: 7200")
    present = service.commit("Keep messages longer")
    service.delivered("--through", "dev")
    with stack.clients() as clients, clients.ledger() as ledger:
        earlier = ledger.granted_before(service.name, "dev")
    assert earlier is not None
    assert dev.serves() == present != earlier.commit

    done = stack.pratique("rollback", service.name, "--in", "dev", "--reason", "errors after 14:00")
    assert done.returncode == DONE, done.stderr
    dev_row = stack.read("history", service.name, "--in", "dev")[0]
    assert (dev_row["kind"], dev_row["state"], dev_row["release"]) == ("rollback", "granted", earlier.release)
    assert (dev_row["by"], dev_row["reason"]) == (getpass.getuser(), "errors after 14:00")
    assert dev.serves() == earlier.commit
    (serving,) = dev.containers()
    assert serving.labels[RELEASE] == earlier.release
    plan = stack.read("plan", service.name, "--to", "dev", "--release", earlier.release)
    assert plan["changes"] == [], "the infrastructure went back, too"
    assert dev.is_free()


def test_without_an_earlier_release_a_rollback_is_refused(stack: RunningStack) -> None:
    service = Service(stack, f"faults-{uuid.uuid4().hex[:8]}")
    service.delivered("--through", "dev")
    done = stack.pratique("rollback", service.name, "--in", "dev", "--reason", "there is nowhere to go")

    assert done.returncode == REFUSED
    assert f"{service.name} in dev has no earlier release to go back to" in " ".join(done.stderr.split())
    assert [(one.kind, one.state) for one in Dev(service).history()] == [("promote", "granted")]
