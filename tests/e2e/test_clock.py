"""The clock on the real local stack: what waits, what goes on, what is superseded, what closes meanwhile, what was missed."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.services.stack import RunningStack, Service, running_here

pytestmark = pytest.mark.xdist_group("stack")

PROD = "  prod:\n    after: [staging]\n"
OPEN = {"rrule": "FREQ=DAILY", "start": "2026-01-01T00:00", "duration": "24h", "timezone": "UTC"}


def closed() -> dict[str, str]:
    """A window that opens on one day of the year, which is far away."""
    day = datetime.now(UTC) - timedelta(days=100)
    return {"rrule": "FREQ=YEARLY", "start": f"{day:%Y-%m-%d}T09:00", "duration": "1h", "timezone": "Europe/Berlin"}


def with_windows(service: Service, window: dict[str, str], more: str = "") -> str:
    """A new commit whose prod has this window."""
    file = service.repository / "pratique.yaml"
    head, _, rest = file.read_text().partition(PROD)
    rest = rest[rest.index("    infrastructure:") :]
    file.write_text(f"{head}{PROD}    windows:\n      - {json.dumps(window)}\n{more}{rest}")
    return service.commit("Say when prod is open")


def until(condition: Any) -> Any:
    while not (found := condition()):
        time.sleep(0.5)
    return found


@dataclass(frozen=True)
class Waiting:
    """Two commits that were delivered while prod is closed, and what was said of the first and of the second."""

    service: Service
    commits: tuple[str, str]
    said: tuple[str, str]
    codes: tuple[int, int]
    seconds: float
    """Of the last delivery."""


@pytest.fixture(scope="module")
def waiting(stack: RunningStack) -> Waiting:
    service = Service(stack, f"hello-{uuid.uuid4().hex[:8]}")
    commits, said, codes = [], [], []
    for way in (running_here, nullcontext):
        commits.append(with_windows(service, closed()))
        began = time.monotonic()
        with way():
            done = service.deliver()
        said.append(done.stderr)
        codes.append(done.returncode)
    return Waiting(service, (commits[0], commits[1]), (said[0], said[1]), (codes[0], codes[1]), time.monotonic() - began)


def test_a_delivery_into_a_closed_environment_waits_and_says_when_it_opens(waiting: Waiting) -> None:
    assert waiting.codes == (4, 4)
    for said in waiting.said:
        assert said.startswith("Waiting: prod: gate windows: 'prod' is closed: it opens on ")
        assert "(Europe/Berlin)" in said
    held = waiting.service.stack.held(waiting.service.name)
    assert {name: row["commit"] for name, row in held.items()} == {
        "dev": waiting.commits[1][:12],
        "staging": waiting.commits[1][:12],
        "prod": None,
    }
    assert "waits: gate windows: 'prod' is closed" in held["prod"]["note"]


def test_what_waits_and_what_it_superseded_are_on_record(waiting: Waiting) -> None:
    newer, older = waiting.service.stack.read("history", waiting.service.name, "--in", "prod")
    assert [newer["state"], older["state"]] == ["waiting", "superseded"]
    assert newer["id"] in older["reason"]
    assert waiting.commits[1][:12] in older["reason"]
    assert datetime.fromisoformat(newer["until"]) > datetime.now(UTC)
    (queued,) = waiting.service.stack.read("queue", waiting.service.name)
    assert (queued["position"], queued["id"]) == ("waits for its time", newer["id"])


def test_why_it_waits_is_told_by_plan_by_advance_and_by_an_artifact(waiting: Waiting, stack: RunningStack) -> None:
    name = waiting.service.name
    planned = stack.pratique("plan", name, "--to", "prod", "--json")
    assert planned.returncode == 4
    plan = json.loads(planned.stdout)
    assert (plan["allowed"], plan["refusals"]) == (False, [])
    assert "'prod' is closed" in plan["waits"][0]
    steps = {step["environment"]: step for step in stack.read("advance", name, "--dry-run")}
    assert [steps[place]["step"] for place in ("dev", "staging", "prod")] == ["rests", "rests", "waits"]
    assert "'prod' is closed" in steps["prod"]["why"]
    with stack.prefect_api() as api:
        artifact = api.get(f"/artifacts/waiting-{name}-prod/latest").json()
    assert "it opens on" in artifact["data"]


def test_the_clock_leaves_what_waits_alone_and_brings_what_may_come(waiting: Waiting, stack: RunningStack) -> None:
    service = waiting.service
    done = stack.pratique("advance", service.name)
    assert done.returncode == 0, done.stderr
    assert stack.held(service.name)["prod"]["commit"] is None

    opened = with_windows(service, OPEN)
    service.delivered("--through", "staging")
    done = stack.pratique("advance", service.name)
    assert done.returncode == 0, done.stdout + done.stderr
    # Should the schedule have been a moment earlier, its run is on the way.
    until(lambda: stack.held(service.name)["prod"]["commit"] == opened[:12])
    granted, *others = stack.read("history", service.name, "--in", "prod")
    assert (granted["state"], granted["by"]) == ("granted", "the clock")
    assert {row["state"] for row in others} == {"superseded"}
    assert service.version("prod")["commit"] == opened
    assert stack.read("queue", service.name) == []
    assert {step["step"] for step in stack.read("advance", service.name, "--dry-run")} == {"rests"}


@dataclass(frozen=True)
class Closing:
    """Two promotions into prod, begun one after the other before its window closed at `at`."""

    service: Service
    commits: tuple[str, str]
    at: datetime
    queue: list[dict[str, Any]]


def both_begun(service: Service, margin: timedelta) -> Closing | None:
    """One holds prod and is checked until its window has closed, another waits for the lock; None where it closed before."""
    stack = service.stack
    closes = (datetime.now(UTC) + margin).replace(microsecond=0)
    start = (closes - timedelta(hours=2)).replace(second=0)
    window = {
        "rrule": "FREQ=YEARLY",
        "start": f"{start:%Y-%m-%dT%H:%M}",
        "duration": f"{int((closes - start).total_seconds())}s",
        "timezone": "UTC",
    }
    # A check of prod alone, which passes once the window has closed.
    script = f"test $(/bin/busybox date +%s) -gt {int(closes.timestamp())}"
    probe = {"name": "late", "command": {"run": ["/bin/busybox", "sh", "-c", script]}, "deadline": "1h"}
    commits = []
    for position in ("holds it", "1 in the queue"):
        commits.append(with_windows(service, window, f"    checks:\n      - {json.dumps(probe)}\n"))
        service.delivered("--through", "staging")
        done = stack.pratique("promote", service.name, "--to", "prod", "--no-wait")
        assert done.returncode == 0, done.stderr

        rows: list[dict[str, Any]] = []
        while (commits[-1][:12], position) not in [(row["commit"], row["position"]) for row in rows]:
            if datetime.now(UTC) > closes:
                until(lambda: all(row["state"] != "running" for row in stack.read("history", service.name)))
                return None
            rows = stack.read("queue", service.name)
    return Closing(service, (commits[0], commits[1]), closes, rows)


@pytest.fixture(scope="module")
def closing(waiting: Waiting) -> Closing:
    # As long as a whole delivery takes on this machine now, for two that are made here; more, where that was too little.
    margin = timedelta(seconds=waiting.seconds)
    while (found := both_begun(waiting.service, margin)) is None:
        margin *= 2
    return found


def test_who_waits_for_the_lock_is_told_its_place_and_who_holds_it(closing: Closing) -> None:
    first, second = closing.queue[:2]
    assert (first["position"], first["commit"]) == ("holds it", closing.commits[0][:12])
    assert (second["position"], second["commit"]) == ("1 in the queue", closing.commits[1][:12])
    assert f"promote {first['id']} of commit {first['commit']} holds it since" in second["why"]
    assert f"started by {first['by']}" in second["why"]


def test_what_has_begun_finishes_and_what_waited_for_it_comes_too_late(closing: Closing) -> None:
    """The window closes while one promotion is being checked, and while another one waits for the lock."""
    service, stack = closing.service, closing.service.stack
    until(lambda: all(row["state"] != "running" for row in stack.read("history", service.name, "--in", "prod")))
    late, first = stack.read("history", service.name, "--in", "prod")[:2]
    assert (first["state"], first["commit"]) == ("granted", closing.commits[0][:12])
    assert datetime.fromisoformat(first["started"]) + timedelta(seconds=first["seconds"]) > closing.at
    assert (late["state"], late["commit"]) == ("waiting", closing.commits[1][:12])
    assert "'prod' is closed" in late["reason"]
    assert stack.held(service.name)["prod"]["commit"] == closing.commits[0][:12]


def test_slots_of_the_schedule_that_were_missed_are_made_up_for_once(stack: RunningStack) -> None:
    now = datetime.now(UTC)
    with stack.clients() as clients, clients.prefect() as prefect, stack.prefect_api() as api:
        deployment = api.get("/deployments/name/advance/pratique").json()
        known = {run.id for run in prefect.due(deployment["id"], now)}
        body = {"start_time": (now - timedelta(hours=2)).isoformat(), "end_time": now.isoformat(), "max_runs": 50}
        # SQLite behind the server may be busy for a moment.
        until(lambda: api.post(f"/deployments/{deployment['id']}/schedule", json=body).is_success)
        late = [run for run in prefect.due(deployment["id"], now) if run.id not in known and run.auto_scheduled]
        assert len(late) > 5
        until(lambda: all(run.is_final for run in prefect.due(deployment["id"], now)))
        due = [run for run in prefect.due(deployment["id"], now) if run.auto_scheduled]
    ended, latest = [run for run in due if run.id not in known], due[0]
    worked = [run for run in ended if run.state_name == "Completed" and "a later run of the schedule" not in run.message]
    assert [run.id for run in worked] == ([latest.id] if latest.id not in known else [])
    assert latest.state_name == "Completed"
    # Whether a worker had taken them already or not: each of the others says which one did their work.
    others = [run.message for run in ended if run.id != latest.id]
    assert len(others) > 5
    assert all("missed; the run that was due at" in message or "a later run of the schedule" in message for message in others)
