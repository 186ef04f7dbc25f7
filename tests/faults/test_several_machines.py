"""Workers on PostgreSQL and Redis, killed with all they run, or frozen: each promotion is made once, and nobody helps."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pratique.clients.prefect import Prefect
from tests.faults.watching import eventually
from tests.recording.driving import Losing, deliver_all, services
from tests.recording.reading import read
from tests.services.shared_stack import ENVIRONMENTS, SharedStack
from tests.services.stack import prefect_api

# The stack of these tests and the local stack would share the cores badly; one worker of pytest runs both, in turn.
pytestmark = pytest.mark.xdist_group("faults")

WORKERS = ("worker-1", "worker-2")


@pytest.fixture(scope="module")
def working(shared_stack: SharedStack) -> SharedStack:
    """The stack with two workers."""
    for name in WORKERS:
        shared_stack.start_worker(name)
    for name in WORKERS:
        shared_stack.until_working(name)
    return shared_stack


def test_every_promotion_is_made_once_however_often_workers_are_killed(working: SharedStack) -> None:
    releases = services(working, [f"service-{number}" for number in range(4)])
    outcome = deliver_all(working, releases, Losing(working, WORKERS, every=3, worker_each=3, most=6))

    assert [run.state_name for run in outcome.deliveries] == ["Completed"] * len(releases), outcome.deliveries
    places = {(stored.release.service, name, stored.digest) for stored in releases for name in ENVIRONMENTS}
    # The target's own word: each written once, nobody came in while another one was there.
    assert dict(outcome.proof.writes) == dict.fromkeys(places, 1)
    assert (outcome.proof.overlaps, outcome.proof.unfenced, outcome.proof.taken_over) == ([], [], 0)
    # The ledger's: each granted once, and whatever else was begun is on record as abandoned.
    granted = outcome.granted(with_changes=True)
    assert {(one.service, one.environment, one.release) for one in granted} == places
    assert len(granted) == len(places)
    assert outcome.losses.workers > 0


def test_a_worker_that_was_only_frozen_finds_its_fence_refused(working: SharedStack) -> None:
    """As a virtual machine that stands still for longer than its lease, is taken for dead, and comes to itself again."""
    (stored,) = services(working, ["frozen"])
    for name in WORKERS[1:]:
        working.kill(name)
    with working.clients() as clients, clients.prefect() as prefect:
        parameters = {"repository": stored.release.commit.repository, "through": "dev"}
        delivery = prefect.start("deliver/pratique", parameters, key=f"frozen:{stored.digest}", tags=["pratique"])
        eventually(lambda: entered(working.log, "frozen"), "a deployment has begun")
        still = working.freeze(WORKERS[0])
        working.start_worker(WORKERS[1])
        # What the watch says of those it does not hear of, some 100 s earlier.
        for run in prefect.unfinished():
            prefect.crash(run, "taken for dead")
        last = eventually(lambda: completed(prefect, delivery.id), "the delivery is made by the other worker")
        working.thaw(still)
        proof = eventually(lambda: late(working.log), "the frozen one comes to write, and is refused")
        with clients.ledger() as ledger:
            history = ledger.history("frozen", "dev")
    assert proof.taken_over == 1
    assert proof.unfenced == []
    assert proof.writes["frozen", "dev", stored.digest] == 1
    assert [one.state for one in history] == ["granted", "abandoned"]
    assert "attempt:2" in last


def test_pools_of_each_environment_are_written_to_the_server(working: SharedStack) -> None:
    told = working.install(Path("deployments/prefect.pools.yaml"), 8)
    assert told.count("automation pratique") == 4
    with working.clients() as clients, clients.prefect() as prefect:
        assert {"pratique", "pratique-dev", "pratique-staging", "pratique-prod"} <= prefect.pools().keys()
        run = prefect.start("rollback/prod", {"service": "hello", "environment": "prod", "reason": "test"}, key="rollback")
        assert prefect.run(run.id).work_pool_name == "pratique-prod"
        prefect.cancel(run.id)


def test_a_refusal_is_noticed_by_its_automation(working: SharedStack) -> None:
    began = datetime.now(UTC)
    with working.clients() as clients, clients.prefect() as prefect:
        nowhere = {"repository": str(working.folder / "nowhere")}
        prefect.start("deliver/pratique", nowhere, key=f"nowhere:{began}", tags=["pratique"])
        with prefect_api(clients.settings.prefect) as asked:
            api = asked.post("/automations/filter", json={}).raise_for_status()
        (refusal,) = [one["id"] for one in api.json() if one["name"] == "pratique - a run did not do what was asked"]
        triggered = "prefect.automation.triggered", f"prefect.automation.{refusal}"
        assert eventually(lambda: prefect.last_event(*triggered, began), "its automation is triggered")


def entered(log: Path, service: str) -> bool:
    return any(f'"service": "{service}"' in line and '"enter"' in line for line in log.read_text().splitlines())


def late(log: Path) -> object:
    proof = read(log)
    return proof if proof.late else None


def completed(prefect: Prefect, first: str) -> tuple[str, ...] | None:
    return next((run.tags for run in prefect.runs_tagged(f"first:{first}:1") if run.state_name == "Completed"), None)
