"""What a forge is told: of a push that is delivered, of a pull request that is previewed, of a form's dry run."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pratique.values.event import Forge
from tests.calls import SECRET, Call, github_push
from tests.e2e.test_push import WITHIN, webhook
from tests.services.forge import ACCOUNT, TOKEN, RecordingForge
from tests.services.git import git
from tests.services.stack import RunningStack, Service

pytestmark = pytest.mark.xdist_group("stack")


def pull_request(repository: str, number: int, commit: str) -> Call:
    content = {
        "action": "synchronize",
        "number": number,
        "pull_request": {"head": {"sha": commit}},
        "repository": {"clone_url": repository},
    }
    headers = {
        "content-type": "application/json",
        "x-github-event": "pull_request",
        "x-github-delivery": str(uuid.uuid4()),
    }
    return Call(Forge.GITHUB, headers, json.dumps(content).encode())


class Told:
    """A service on a forge that records, and the webhook that stands between them."""

    def __init__(self, service: Service, bare: Path, forge: RecordingForge, url: str, log: Path) -> None:
        self.service, self.bare, self.forge, self.url, self.log = service, bare, forge, url, log

    def push(self, *refs: str) -> None:
        git(self.service.repository, "push", "--quiet", "--force", str(self.bare), *refs)

    def send(self, call: Call) -> None:
        answer = httpx.post(f"{self.url}/events/{call.forge}", headers=call.signed(), content=call.body, timeout=30)
        assert answer.status_code == 202, answer.text

    def states(self, commit: str, context: str) -> list[str]:
        return [state for name, state, _, _ in self.forge.history(commit) if name == context]

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + WITHIN
        while not condition():
            events = self.service.stack.read("events", self.service.name)
            assert time.monotonic() < end, self.log.read_text()[-3000:] + json.dumps(events, indent=2)
            time.sleep(0.5)


@pytest.fixture
def told(stack: RunningStack, service: Service, tmp_path: Path, new_forge: Callable[..., RecordingForge]) -> Iterator[Told]:
    bare, log = tmp_path / "hello.git", tmp_path / "webhook.log"
    bare.mkdir()
    git(bare, "init", "--quiet", "--bare", "--initial-branch=main")
    forge = new_forge(Forge.GITHUB, project="/".join(bare.with_suffix("").parts[-2:]))
    stack.local.openbao().seed_secret("reported", {"calls": SECRET, "forge": TOKEN})

    def listed(content: dict[str, Any]) -> None:
        rules = [
            {"on": "push", "ref": "main", "do": "deliver", "through": "dev"},
            {"on": "pull_request", "do": "preview"},
        ]
        content["services"] = {service.name: {"repository": str(bare), "rules": rules}}
        content["webhook"] = {
            "secrets": {"github": ["vault:kv/data/reported#calls"]},
            "forges": {"github": {"api": forge.api, "token": "vault:kv/data/reported#forge"}},
        }

    with stack.changed_settings(listed), webhook(stack, log) as url:
        yield Told(service, bare, forge, url, log)


def test_a_push_is_reported_and_pull_requests_are_previewed_where_they_are_the_repositorys_own(told: Told) -> None:
    service, forge = told.service, told.forge
    first = service.commit("Say hello")
    told.push("main")
    told.send(github_push(str(told.bare), first))
    told.until(lambda: "success" in told.states(first, "pratique/deliver"))
    history = [one for one in forge.history(first) if one[0] == "pratique/deliver"]
    assert history[0][1] == "pending"
    assert history[-1][1:3] == ("success", "delivered through dev")
    assert "/runs/flow-run/" in history[-1][3]

    # A pull request from a branch of the repository: what it would change is said, and nothing of it is done.
    service.edit("infrastructure/messages/template.yaml", "Default: 3600", "Default: 7200")
    second = service.commit("Keep messages for longer")
    told.push("HEAD:refs/heads/feature", "HEAD:refs/pull/7/head")
    told.send(pull_request(str(told.bare), 7, second))
    told.until(lambda: "success" in told.states(second, "pratique/preview"))
    ((author, body),) = forge.bodies(7)
    assert author == ACCOUNT
    assert body.startswith(f"<!-- pratique: preview {service.name} -->\n### What {service.name} {second[:12]} would change")
    assert "| update | stack " in body
    assert "| create | stack " in body
    assert "/runs/flow-run/" in body
    assert service.stack.held(service.name)["dev"]["commit"] == first[:12]
    assert [row["commit"] for row in service.stack.read("history", service.name)] == [first[:12]]

    # The next commit breaks the manifest: the same comment says where, and what to write.
    service.edit("pratique.yaml", "port: 8080", "port: eighty")
    third = service.commit("Break it")
    told.push("HEAD:refs/heads/feature", "HEAD:refs/pull/7/head")
    told.send(pull_request(str(told.bare), 7, third))
    told.until(lambda: "failure" in told.states(third, "pratique/preview"))
    ((_, body),) = forge.bodies(7)
    assert f"pratique.yaml at {third[:12]}:" in body
    assert "workload.port" in body

    # A fork's commit is on no branch of the repository.
    told.push("HEAD~1:refs/heads/feature")
    service.commit("Come from elsewhere")
    fourth = git(service.repository, "rev-parse", "HEAD")
    told.push("HEAD:refs/pull/8/head")
    told.send(pull_request(str(told.bare), 8, fourth))
    told.until(lambda: "failure" in told.states(fourth, "pratique/preview"))
    assert forge.bodies(8) == []
    rows = {row["kind"]: row for row in service.stack.read("events", service.name)}
    assert (rows["push"]["told"], rows["push"]["not told"]) == ("success", "")


def test_a_dry_run_in_a_form_says_what_would_be_decided_and_records_nothing(stack: RunningStack, service: Service) -> None:
    service.delivered("--through", "dev")
    before = stack.read("history", service.name)
    with stack.clients() as clients, clients.prefect() as prefect, clients.ledger() as ledger:
        (release,) = ledger.releases(service.name)
        parameters = {"service": service.name, "release": release.digest, "dry_run": True}
        runs = {
            "staging": prefect.start("promote/pratique", {**parameters, "environment": "staging"}),
            "prod": prefect.start("promote/pratique", {**parameters, "environment": "prod"}),
            "dev": prefect.start(
                "rollback/pratique",
                {"service": service.name, "environment": "dev", "reason": "try it", "release": release.digest, "dry_run": True},
            ),
        }
        end = time.monotonic() + WITHIN
        while not all(prefect.run(run.id).is_final for run in runs.values()):
            assert time.monotonic() < end
            time.sleep(0.5)
        assert {place: prefect.run(run.id).state_name for place, run in runs.items()} == dict.fromkeys(runs, "Completed")
        said = {place: prefect.markdown(run.id) or "" for place, run in runs.items()}
    assert "Every gate would let it in." in said["staging"]
    assert "| create | stack " in said["staging"]
    assert "It would be refused:" in said["prod"]
    assert "Every gate would let it in." in said["dev"]
    assert stack.read("history", service.name) == before
