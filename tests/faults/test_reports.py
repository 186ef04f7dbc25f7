"""Reports to a forge: killed between telling and recording, before a forge that is down, with a token that was revoked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pratique.local.openbao import OpenBao
from pratique.values.event import Forge
from pratique.values.report import ReportState
from tests.calls import github_push
from tests.faults.test_webhook import commits, repository, until
from tests.services.forge import TOKEN, RecordingForge, Sent
from tests.services.webhook import RunningWebhook, webhook_in

__all__ = ["repository"]  # a fixture

PENDING, DONE = "accepted: it waits for its turn", "delivered through every environment"


@pytest.fixture
def forge(new_forge: Callable[..., RecordingForge], repository: Path) -> RecordingForge:
    return new_forge(Forge.GITHUB, project="/".join(repository.with_suffix("").parts[-2:]))


@pytest.fixture
def webhook(tmp_path: Path, openbao: OpenBao, repository: Path, forge: RecordingForge) -> Iterator[RunningWebhook]:
    openbao.seed_secret("forges", {"token": TOKEN})
    with webhook_in(tmp_path, openbao, hello=str(repository)) as running:
        running.content["webhook"]["forges"] = {"github": {"api": forge.api, "token": "vault:kv/data/forges#token"}}
        running.content["webhook"]["lease"] = "2s"
        yield running


def told(forge: RecordingForge, commit: str) -> list[tuple[str, str]]:
    """State and description of each status of the commit, oldest first."""
    return [(state, description) for _, state, description, _ in forge.history(commit)]


def reported(webhook: RunningWebhook) -> list[ReportState | None]:
    with webhook.inbox() as inbox:
        return [held.reported.state for held in inbox.events()]


def test_killed_after_each_report_and_before_it_is_recorded_it_repeats_none_and_loses_none(
    webhook: RunningWebhook, repository: Path, forge: RecordingForge
) -> None:
    (commit,) = commits(repository, 1)
    kills: list[str] = []

    def kill(sent: Sent) -> None:
        kills.append(sent.body["description"])
        webhook.kill()

    forge.before_answering = kill
    # At first Prefect is down, so that what is told is of an event that waits.
    webhook.prefect.stop()
    webhook.start()
    assert webhook.send(github_push(str(repository), commit)).status_code == 202
    until(lambda: kills == [PENDING] and not webhook.processes, webhook)
    webhook.prefect.states["run-1"] = "COMPLETED"
    webhook.prefect.start()
    # It may be killed before it takes calls.
    webhook.run()
    until(lambda: kills == [PENDING, DONE] and not webhook.processes, webhook)
    assert reported(webhook) != [ReportState.SUCCESS]

    forge.before_answering = None
    webhook.run()
    until(lambda: reported(webhook) == [ReportState.SUCCESS], webhook)
    assert told(forge, commit) == [("pending", PENDING), ("success", DONE)]


def test_while_a_forge_is_down_everything_is_started_and_it_is_told_once_it_is_back(
    webhook: RunningWebhook, repository: Path, forge: RecordingForge
) -> None:
    forge.stop()
    webhook.start()
    made = commits(repository, 3)
    for commit in made:
        assert webhook.send(github_push(str(repository), commit)).status_code == 202
    until(lambda: webhook.prefect.refs == made, webhook)
    webhook.prefect.states = dict.fromkeys(("run-1", "run-2", "run-3"), "COMPLETED")

    def is_seen() -> bool:
        with webhook.inbox() as inbox:
            return inbox.backlog().unreported > 0

    until(is_seen, webhook)
    forge.start()
    until(lambda: reported(webhook) == [ReportState.SUCCESS] * 3, webhook)
    assert [told(forge, commit)[-1] for commit in made] == [("success", DONE)] * 3
    assert not is_seen()


def test_a_token_that_was_revoked_shows_where_an_operator_looks(
    webhook: RunningWebhook, repository: Path, forge: RecordingForge
) -> None:
    forge.revoke()
    webhook.start()
    (commit,) = commits(repository, 1)
    assert webhook.send(github_push(str(repository), commit)).status_code == 202
    until(lambda: webhook.prefect.refs == [commit], webhook)

    def figures() -> str:
        return httpx.get(f"{webhook.url}/metrics", timeout=10).text

    until(lambda: "pratique_events_unreported 1.0" in figures(), webhook)
    assert re.search(r'pratique_reports_failed_total\{forge="github",word="denied"\} [1-9]', figures())
    with webhook.inbox() as inbox:
        (held,) = inbox.events()
    assert "does not accept the token" in held.reported.problem
    assert TOKEN not in (webhook.folder / "log").read_text() + held.reported.problem
