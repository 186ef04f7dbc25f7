"""Approvals on the real local stack: a promotion that waits for people is suspended, and goes on when enough have signed."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.releases import infrastructure, read
from pratique.clients.sigstore.key_file import make_key_file
from pratique.decisions.bundle import unpack
from pratique.decisions.desired import desired_stack
from pratique.pipeline.grants import read_chain
from pratique.values.answer import Answer
from pratique.values.environment import environment_of
from pratique.values.promotion import Promotion, PromotionState
from tests.services.stack import RunningStack, Service

pytestmark = pytest.mark.xdist_group("stack")

PEOPLE = {"ada": "ada@example.test", "bob": "bob@example.test", "cy": "cy@example.test"}
"""Ada writes the commits."""

PLACE = "dev"
"""Where people have to approve: the first environment, so that little has to be delivered before they are asked."""

ENOUGH = 120.0
"""Seconds that a run may take to come to where somebody looks for it."""


@dataclass
class Approvers:
    """A stack whose first environment is approved of by two of three people, each with a key of their own."""

    stack: RunningStack
    keys: Path

    def says(self, who: str, what: str, service: Service, *more: str) -> tuple[int, str]:
        key = str(self.keys / f"{who}.pem")
        asking = ["--yes"] if what == "approve" else []
        done = self.stack.pratique(what, service.name, "--to", PLACE, "--key", key, *asking, *more)
        return done.returncode, done.stdout + done.stderr

    def approvals(self, **changed: Any) -> Any:
        """Within it the environment asks for other approvals."""

        def change(settings: dict[str, Any]) -> None:
            settings["environments"][PLACE]["gates"]["approvals"] |= changed

        return self.stack.changed_settings(change)


@pytest.fixture(scope="module")
def approvers(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Approvers]:
    folder = tmp_path_factory.mktemp("people")
    keys = {name: make_key_file(folder / f"{name}.pem", "") for name in PEOPLE}

    def change(settings: dict[str, Any]) -> None:
        settings["people"] = {
            name: {"emails": [PEOPLE[name]], "trust": [{"kind": "key", "pem": pem}]} for name, pem in keys.items()
        }
        settings["groups"] = {"release-managers": ["ada", "bob", "cy"]}
        approvals = {"required": 2, "from": ["release-managers"]}
        settings["environments"][PLACE] |= {"gates": {"approvals": approvals}}
        settings["environments"][PLACE] |= {"exceptions": {"from": ["release-managers"], "longest": "2h"}}

    with stack.changed_settings(change):
        yield Approvers(stack, folder)


@pytest.fixture
def waiting(approvers: Approvers, service: Service) -> Service:
    """A service whose only release waits for approval."""
    return _asked_for(service)


@pytest.fixture(scope="module")
def left_waiting(approvers: Approvers) -> Service:
    """One for all tests that leave it waiting."""
    return _asked_for(Service(approvers.stack, f"hello-{uuid.uuid4().hex[:8]}"))


def _asked_for(service: Service) -> Service:
    done = service.stack.pratique("promote", service.name, "--to", PLACE, "--release", service.prepared())
    assert done.returncode == 4, done.stdout + done.stderr
    assert "0 of 2" in done.stdout + done.stderr
    return service


def until(look: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + ENOUGH
    while not (found := look()):
        assert time.monotonic() < end, f"it did not come to this: {what}"
        time.sleep(0.5)
    return found


def run_of(stack: RunningStack, service: Service) -> str:
    """The id of the newest run that promotes the service there."""
    with stack.clients() as clients, clients.ledger() as ledger:
        return ledger.history(service.name, PLACE)[0].run_url.rpartition("/")[2]


def state_of(stack: RunningStack, run: str) -> dict[str, Any]:
    with stack.prefect_api() as api:
        found: dict[str, Any] = api.get(f"/flow_runs/{run}").json()
    return found


def holds(stack: RunningStack, service: Service) -> str:
    return str(stack.held(service.name)[PLACE]["commit"] or "")


def grants(stack: RunningStack, service: Service) -> list[Promotion]:
    """Those that changed something: a delivery that goes on finds that nothing is left to do, and says so."""
    with stack.clients() as clients, clients.ledger() as ledger:
        history = ledger.history(service.name, PLACE)
    return [one for one in history if one.state is PromotionState.GRANTED and not one.reason]


def approvers_in(stack: RunningStack, granted: Promotion) -> set[str]:
    """Who approved, as the signed grant says."""
    with stack.clients() as clients:
        with clients.registry() as registry:
            stored = read(registry, granted.service, granted.release)
        chain = read_chain(clients, stored, clients.place(PLACE).trust)
    return {approval.by for signed in chain.history if signed.bundle == granted.evidence for approval in signed.grant.approvals}


def test_a_promotion_waits_without_a_process_until_two_who_may_have_signed(approvers: Approvers, service: Service) -> None:
    stack, waiting = approvers.stack, service
    done = service.deliver("--through", PLACE)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "0 of 2" in done.stdout + done.stderr
    run = run_of(stack, waiting)
    until(lambda: state_of(stack, run)["state"]["name"] == "Suspended", "the run is suspended")
    assert holds(stack, waiting) == ""
    (queued,) = [row for row in stack.read("queue", waiting.name) if row["environment"] == PLACE]
    assert "0 of 2" in queued["why"]

    code, said = approvers.says("ada", "approve", waiting)
    assert (code, "0 of 2" in said) == (0, True), said
    code, said = approvers.says("bob", "approve", waiting)
    assert (code, "1 of 2" in said) == (0, True), said
    code, said = approvers.says("bob", "approve", waiting, "--reason", "once more")
    assert (code, "1 of 2" in said) == (0, True), said
    assert state_of(stack, run)["state"]["name"] == "Suspended"
    code, said = approvers.says("cy", "approve", waiting, "--reason", "read the plan")
    assert (code, "goes on" in said) == (0, True), said
    until(lambda: holds(stack, waiting), "it holds the release")
    until(lambda: state_of(stack, run)["state"]["type"] == "COMPLETED", "the run is over")
    (granted,) = grants(stack, waiting)
    assert granted.run_url.endswith(run)
    assert approvers_in(stack, granted) == {"bob", "cy"}
    # The delivery that had ended because this waited has gone on, and found that nothing was left to do.
    assert waiting.deliver("--through", PLACE).returncode == 0


def test_two_who_sign_at_the_same_moment_let_it_go_on_once(approvers: Approvers, waiting: Service) -> None:
    stack = approvers.stack
    run = run_of(stack, waiting)
    # Those who sign before it is suspended need not wake it.
    until(lambda: state_of(stack, run)["state"]["name"] == "Suspended", "the run is suspended")
    said: list[tuple[int, str]] = []
    both = [
        threading.Thread(target=lambda who=who: said.append(approvers.says(who, "approve", waiting))) for who in ("bob", "cy")
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [code for code, _ in said] == [0, 0], said
    until(lambda: holds(stack, waiting), "it holds the release")
    with stack.prefect_api() as api:
        states = api.get("/flow_run_states/", params={"flow_run_id": run}).json()
    assert [one["name"] for one in states].count("Resuming") == 1
    assert len(grants(stack, waiting)) == 1


def test_a_rejection_ends_it_with_its_reason(approvers: Approvers, waiting: Service) -> None:
    stack = approvers.stack
    run = run_of(stack, waiting)
    assert approvers.says("bob", "approve", waiting)[0] == 0
    code, said = approvers.says("cy", "reject", waiting, "--reason", "the queue is too small")
    assert code == 0, said
    until(lambda: state_of(stack, run)["state"]["name"] == "Refused", "the run is refused")
    assert "the queue is too small" in state_of(stack, run)["state"]["message"]
    assert holds(stack, waiting) == ""
    assert approvers.says("bob", "approve", waiting)[0] == 3
    (row,) = stack.read("history", waiting.name, "--in", PLACE)
    assert (row["state"], "the queue is too small" in row["reason"]) == ("failed", True)


def test_a_plan_that_has_changed_since_people_were_asked_is_refused(approvers: Approvers, waiting: Service) -> None:
    stack = approvers.stack
    run = run_of(stack, waiting)
    assert approvers.says("bob", "approve", waiting)[0] == 0
    # Somebody creates the stack by hand: what would change is another thing now.
    with stack.clients() as clients:
        release = stack.read("releases", waiting.name)[0]["release"]
        with clients.registry() as registry:
            stored = read(registry, waiting.name, release)
            files = unpack(infrastructure(registry, stored))
        place = environment_of(stored.release.manifest, PLACE)
        with clients.stacks(place) as stacks:
            stacks.apply(desired_stack(place, place.stacks[0], files), 1, print)
    code, said = approvers.says("cy", "approve", waiting)
    assert code == 0, said
    until(lambda: state_of(stack, run)["state"]["name"] == "Refused", "the run is refused")
    assert "the plan has changed since" in state_of(stack, run)["state"]["message"]
    assert holds(stack, waiting) == ""


def test_a_click_counts_only_where_the_gates_take_clicks_and_is_recorded_as_one(approvers: Approvers, waiting: Service) -> None:
    stack = approvers.stack
    run = run_of(stack, waiting)
    answer = Answer(decision="approve", name="bob", reason="looks good")

    def suspended() -> bool:
        return bool(state_of(stack, run)["state"]["name"] == "Suspended")

    until(suspended, "the run is suspended")
    before = state_of(stack, run)["state"]["timestamp"]
    with stack.clients() as clients, clients.prefect() as prefect:
        assert prefect.resume(run, answer)
        until(lambda: suspended() and state_of(stack, run)["state"]["timestamp"] != before, "it is suspended again")
        assert holds(stack, waiting) == ""
        assert [row for row in stack.read("rulings", waiting.name) if "click" in row["by"]] == []

        with approvers.approvals(clicks=True, required=1):
            # Another policy: whatever was approved of under the old one is asked anew.
            until(lambda: prefect.resume(run, answer) or None, "the run goes on")
            before = state_of(stack, run)["state"]["timestamp"]
            until(lambda: holds(stack, waiting) or suspended(), "it is decided anew")
            if not holds(stack, waiting):
                assert prefect.resume(run, answer)
            until(lambda: holds(stack, waiting), "it holds the release")
    clicks = [row for row in stack.read("rulings", waiting.name) if "click" in row["by"]]
    assert clicks
    assert all(row["by"] == "bob (a click)" for row in clicks)


def test_whoever_is_nobody_of_the_settings_signs_nothing(approvers: Approvers, left_waiting: Service) -> None:
    make_key_file(approvers.keys / f"{left_waiting.name}.pem", "")
    before = approvers.stack.read("rulings", left_waiting.name)
    code, said = approvers.says(left_waiting.name, "approve", left_waiting)
    assert (code, "no person of the settings" in said) == (3, True), said
    assert approvers.stack.read("rulings", left_waiting.name) == before


def test_a_promotion_that_is_cancelled_while_it_waits_is_over(approvers: Approvers, waiting: Service) -> None:
    stack = approvers.stack
    run = run_of(stack, waiting)
    until(lambda: state_of(stack, run)["state"]["name"] == "Suspended", "the run is suspended")
    with stack.clients() as clients, clients.prefect() as prefect:
        prefect.cancel(run)
    until(lambda: state_of(stack, run)["state"]["type"] == "CANCELLED", "the run is cancelled")
    stack.read("advance", waiting.name)
    (row,) = stack.read("history", waiting.name, "--in", PLACE)
    assert row["state"] == "cancelled"


def test_what_is_asked_is_shown_in_the_runs_form(approvers: Approvers, left_waiting: Service) -> None:
    stack = approvers.stack
    run = run_of(stack, left_waiting)
    until(lambda: state_of(stack, run)["state"]["name"] == "Suspended", "the run is suspended")

    def kept_by_prefect() -> dict[str, str] | None:
        with stack.prefect_api() as api:
            inputs = api.post(f"/flow_runs/{run}/input/filter", json={"prefix": "suspended-", "limit": 20}).json()
        found = {one["key"].rpartition("-")[2]: one["value"] for one in inputs}
        # Prefect keeps them one after the other, once it has the state.
        return found if found.keys() >= {"schema", "description"} else None

    kept = until(kept_by_prefect, "the form is there")
    assert json.loads(kept["schema"])["required"] == ["decision", "name", "reason"]
    assert "pratique approve" in kept["description"]


def test_an_answer_that_nobody_gave_lets_nothing_go_on(approvers: Approvers, left_waiting: Service) -> None:
    stack = approvers.stack
    run = run_of(stack, left_waiting)
    until(lambda: state_of(stack, run)["state"]["name"] == "Suspended", "the run is suspended")
    before = state_of(stack, run)["state"]["timestamp"]
    # Whoever may speak to Prefect may force a run: it decides anew, finds nobody's approval, and is suspended again.
    with stack.prefect_api() as api:
        api.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "SCHEDULED"}}).raise_for_status()
    until(
        lambda: (now := state_of(stack, run)["state"])["name"] == "Suspended" and now["timestamp"] != before,
        "it is suspended again",
    )
    assert holds(stack, left_waiting) == ""
