"""A real Gitea before the real intake: its own events, signed by itself, and what it shows of our statuses and comments.

    make forges

It is no part of `make test`: building Gitea takes minutes. The contract of every forge is tested there, before recording peers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pratique.clients.forge import open_forge
from pratique.clients.ports.forge import Denied
from pratique.errors import Refused
from pratique.local.openbao import OpenBao
from pratique.local.process import Processes
from pratique.settings import ForgeSettings
from pratique.values.event import Forge
from pratique.values.references import SecretReference
from pratique.values.report import ReportState
from tests.services.git import git
from tests.services.gitea import OWNER, PROJECT, Gitea
from tests.services.webhook import RunningWebhook, webhook_in

WITHIN = 120
"""Seconds; an event takes one or two on a quiet machine."""
RULES = [
    {"on": "push", "ref": "main", "do": "deliver"},
    {"on": "tag", "ref": "v*", "do": "prepare"},
    {"on": "pull_request", "do": "preview"},
]
REFERENCE = SecretReference.parse("vault:kv/data/gitea#token")


@dataclass
class Site:
    """A project at the forge, a work tree of it, and the intake that hears of both."""

    gitea: Gitea
    webhook: RunningWebhook
    work_tree: Path

    def commit(self, subject: str) -> str:
        """The id of a new commit of the work tree."""
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.test")
        (self.work_tree / "file").write_text(subject)
        git(self.work_tree, "add", "--all")
        git(self.work_tree, *identity, "commit", "--quiet", "--message", subject)
        return git(self.work_tree, "rev-parse", "HEAD")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.gitea.ask(method, f"/repos/{OWNER}/{PROJECT}{path}", body)

    def started(self, number: int) -> dict[str, Any]:
        """What was started as the so many-th, by its deployment and parameters; waits for it."""
        self.until(lambda: len(self.webhook.prefect.runs) >= number)
        return list(self.webhook.prefect.runs.values())[number - 1]

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + WITHIN
        while not condition():
            assert time.monotonic() < end, (self.webhook.folder / "log").read_text()[-3000:]
            time.sleep(0.2)

    def metrics(self) -> str:
        return httpx.get(f"{self.webhook.url}/metrics", timeout=10).text

    def ends(self, run: dict[str, Any], kind: str) -> None:
        """Let Prefect say that a run has ended so."""
        self.webhook.prefect.states[run["id"]] = kind

    def latest(self, commit: str, context: str) -> str:
        """The newest state of a status."""
        found = [one for one in self.gitea.statuses(commit) if one["context"] == context]
        return str(max(found, key=lambda one: one["id"])["status"]) if found else ""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, openbao: OpenBao) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("gitea")
    processes = Processes(folder / "processes")
    gitea = Gitea(processes, folder / "gitea")
    try:
        gitea.start()
        openbao.put_secret("gitea", {"calls": gitea.webhook_secret, "token": gitea.token})
        with webhook_in(folder, openbao, hello=gitea.repository) as webhook:
            webhook.content["services"]["hello"]["rules"] = RULES
            webhook.content["webhook"]["secrets"] = {"gitea": ["vault:kv/data/gitea#calls"]}
            webhook.content["webhook"]["forges"] = {
                "gitea": {"api": f"{gitea.url}/api/v1", "token": "vault:kv/data/gitea#token"}
            }
            webhook.start()
            gitea.call_at(f"{webhook.url}/events/gitea")
            work_tree = folder / "work"
            work_tree.mkdir()
            git(work_tree, "init", "--quiet", "--initial-branch=main")
            yield Site(gitea, webhook, work_tree)
    finally:
        processes.stop("gitea")


def test_pushes_tags_and_pull_requests_start_what_the_rules_say_and_the_forge_shows_how_it_went(site: Site) -> None:
    first = site.commit("Begin")
    site.gitea.push(site.work_tree, "HEAD:main")
    delivery = site.started(1)
    assert delivery["path"].endswith("/deliver~pratique/create_flow_run")
    assert delivery["parameters"] | {"repository": site.gitea.repository, "ref": first} == delivery["parameters"]
    site.until(lambda: site.latest(first, "pratique/deliver") == "pending")
    site.ends(delivery, "COMPLETED")
    site.until(lambda: site.latest(first, "pratique/deliver") == "success")

    # A release makes its tag, so Gitea tells of both; one run is started.
    site.ask("POST", "/releases", {"tag_name": "v1.0.0", "target_commitish": "main", "name": "One"})
    prepared = site.started(2)
    assert prepared["path"].endswith("/prepare~pratique/create_flow_run")
    assert prepared["parameters"]["ref"] == first
    site.ends(prepared, "FAILED")
    site.until(lambda: site.latest(first, "pratique/prepare") in {"failure", "error"})

    # A pull request, and what is pushed to it later.
    second = site.commit("Try something")
    site.gitea.push(site.work_tree, "HEAD:feature")
    site.ask("POST", "/pulls", {"head": "feature", "base": "main", "title": "Try something"})
    preview = site.started(3)
    assert preview["path"].endswith("/preview~pratique/create_flow_run")
    assert preview["parameters"]["commit"] == second
    third = site.commit("Try it otherwise")
    site.gitea.push(site.work_tree, "HEAD:feature")
    assert site.started(4)["parameters"]["commit"] == third
    # Merging is a push to the branch that is delivered.
    site.until(lambda: site.ask("GET", "/pulls/1")["mergeable"])
    site.ask("POST", "/pulls/1/merge", {"Do": "merge"})
    assert site.started(5)["path"].endswith("/deliver~pratique/create_flow_run")
    assert len(site.webhook.prefect.runs) == 5


def test_of_two_hooks_the_one_with_another_secret_is_refused(site: Site) -> None:
    before = len(site.webhook.prefect.runs)
    site.gitea.call_at(f"{site.webhook.url}/events/gitea", secret="another secret of the forge")
    site.commit("Be told twice")
    site.gitea.push(site.work_tree, "--force", "HEAD:main")
    site.until(lambda: 'pratique_webhook_calls_total{forge="gitea",status="401"} 1.0' in site.metrics())
    site.started(before + 1)
    assert len(site.webhook.prefect.runs) == before + 1


def test_a_comment_is_written_once_and_changed_after_that(site: Site) -> None:
    settings = ForgeSettings(api=f"{site.gitea.url}/api/v1", token=REFERENCE)
    with open_forge(Forge.GITEA, settings, site.gitea.token) as forge:
        for body in ("What it would change", "What it would change", "Nothing any more"):
            forge.comment(site.gitea.repository, 1, "pratique: preview hello", body)
    (comment,) = site.ask("GET", "/issues/1/comments")
    assert "Nothing any more" in comment["body"]


def test_a_status_that_is_there_is_not_sent_again_and_an_unknown_commit_is_refused(site: Site) -> None:
    settings = ForgeSettings(api=f"{site.gitea.url}/api/v1", token=REFERENCE)
    commit = site.ask("GET", "/branches/main")["commit"]["id"]
    words = {"context": "pratique/again", "description": "words", "url": ""}
    with open_forge(Forge.GITEA, settings, site.gitea.token) as forge:
        for state in (ReportState.PENDING, ReportState.PENDING, ReportState.CANCELLED, ReportState.CANCELLED):
            forge.set_status(site.gitea.repository, commit, state, **words)
        with pytest.raises(Refused):
            forge.set_status(site.gitea.repository, "0" * 40, ReportState.PENDING, **words)
    found = [one for one in site.gitea.statuses(commit) if one["context"] == "pratique/again"]
    assert sorted(one["status"] for one in found) == ["pending", "warning"]
    with open_forge(Forge.GITEA, settings, "not-a-token-of-this-forge") as forge, pytest.raises(Denied):
        forge.set_status(site.gitea.repository, commit, ReportState.PENDING, **words)
