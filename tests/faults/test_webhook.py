"""The webhook as a real process: killed in a storm, before a Prefect that is down, told things often and out of order."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pratique.local.openbao import OpenBao
from pratique.values.event import EventState, Forge
from tests.calls import SIGNING_SECRET, Call, github_push
from tests.contract.events import a_commit
from tests.faults.storming import storm
from tests.services.git import git
from tests.services.webhook import RunningWebhook, webhook_in

WITHIN = 180
"""Seconds; far more than anything here takes on a quiet machine."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A bare repository."""
    folder = tmp_path / "hello.git"
    folder.mkdir()
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main")
    return folder


@pytest.fixture
def webhook(tmp_path: Path, openbao: OpenBao, repository: Path) -> Iterator[RunningWebhook]:
    with webhook_in(tmp_path, openbao, hello=str(repository)) as running:
        yield running


def commits(repository: Path, count: int, branch: str = "main") -> list[str]:
    """So many commits, each on the one before."""
    lines = []
    for number in range(count):
        lines += [
            f"commit refs/heads/{branch}",
            f"committer {branch} <ada@example.test> {1_700_000_000 + number} +0000",
            "data 1",
            "x",
        ]
        lines += [f"M 644 inline file-{number}", "data 1", "x"]
    git(repository, "fast-import", "--quiet", "--force", stdin="\n".join([*lines, ""]).encode())
    return git(repository, "rev-list", "--reverse", branch).splitlines()[-count:]


def until(condition: Callable[[], bool], webhook: RunningWebhook) -> None:
    end = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < end, (webhook.folder / "log").read_text()[-3000:]
        time.sleep(0.05)


def everything_ended(webhook: RunningWebhook) -> bool:
    with webhook.inbox() as inbox:
        return inbox.backlog().waiting == 0


def test_killed_three_times_in_a_storm_it_loses_and_doubles_nothing(webhook: RunningWebhook, repository: Path) -> None:
    webhook.start("--no-dispatch")
    calls = [github_push(str(repository), a_commit(number), ref=f"refs/heads/{number % 7}") for number in range(1500)]
    kills = iter((300, 700, 1100))
    due = [next(kills)]

    async def killer() -> None:
        while due:
            await asyncio.sleep(0.01)
            if done[0] >= due[0]:
                webhook.kill()
                webhook.run("--no-dispatch")
                due[0:1] = [following] if (following := next(kills, None)) else []

    done = [0]

    async def together() -> None:
        killing = asyncio.create_task(killer())
        found = await storm(webhook.url, calls, 40, lambda number: done.__setitem__(0, number))
        await killing
        # Each call is answered once in the end: with 202, or with 200 where a try was stored whose answer was lost.
        assert sorted([*found.accepted, *found.known]) == sorted(call.headers["x-github-delivery"] for call in calls)
        assert found.unanswered > 0

    asyncio.run(together())
    with webhook.inbox() as inbox:
        assert inbox.backlog().waiting == len(calls)
        stored = Counter(held.event.commit for state in EventState for held in inbox.events(state=state, limit=10_000))
    assert stored == Counter(a_commit(number) for number in range(1500))


def test_while_prefect_is_down_pushes_are_taken_and_started_in_order_once_it_is_back(
    webhook: RunningWebhook, repository: Path
) -> None:
    webhook.start()
    made = commits(repository, 6)
    first, *rest = [github_push(str(repository), commit) for commit in made]
    assert webhook.send(first).status_code == 202
    until(lambda: len(webhook.prefect.runs) == 1, webhook)

    webhook.prefect.stop()
    assert [webhook.send(call).status_code for call in rest] == [202] * 5

    def is_waiting() -> bool:
        with webhook.inbox() as inbox:
            return any("did not answer" in held.reason for held in inbox.events())

    until(is_waiting, webhook)
    # It may even be killed while it waits.
    webhook.kill()
    webhook.start()
    webhook.prefect.start()
    until(lambda: everything_ended(webhook), webhook)
    assert webhook.prefect.refs == made


def test_two_dispatchers_one_of_them_killed_start_everything_once(webhook: RunningWebhook, repository: Path) -> None:
    webhook.start("--no-dispatch")
    made = {branch: commits(repository, 3, branch) for branch in ("one", "two", "three", "four")}
    for branch, pushed in made.items():
        for commit in pushed:
            assert webhook.send(github_push(str(repository), commit, ref=f"refs/heads/{branch}")).status_code == 202
    webhook.run("--dispatch-only")
    until(lambda: len(webhook.prefect.runs) >= 2, webhook)
    webhook.processes[-1].kill()
    for _ in range(2):
        webhook.run("--dispatch-only")
    until(lambda: everything_ended(webhook), webhook)

    assert Counter(webhook.prefect.refs) == Counter(commit for pushed in made.values() for commit in pushed)
    for pushed in made.values():
        assert [ref for ref in webhook.prefect.refs if ref in pushed] == pushed


def test_the_same_push_ten_times_starts_one_run(webhook: RunningWebhook, repository: Path) -> None:
    webhook.start()
    (commit,) = commits(repository, 1)
    call = github_push(str(repository), commit)
    answers = [webhook.send(call) for _ in range(5)] + [webhook.send(github_push(str(repository), commit)) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [202] + [200] * 9
    assert {answer.json()["outcome"] for answer in answers[1:]} == {"known"}
    until(lambda: everything_ended(webhook), webhook)
    assert (len(webhook.prefect.asked), webhook.prefect.refs) == (1, [commit])


def test_pushes_out_of_order_never_go_back(webhook: RunningWebhook, repository: Path) -> None:
    webhook.start("--no-dispatch")
    one, two, three = commits(repository, 3)
    for commit in (two, one, three):
        assert webhook.send(github_push(str(repository), commit)).status_code == 202
    webhook.run("--dispatch-only")
    until(lambda: everything_ended(webhook), webhook)
    assert webhook.prefect.refs == [two, three]
    with webhook.inbox() as inbox:
        (superseded,) = inbox.events(state=EventState.SUPERSEDED)
    assert superseded.event.commit == one
    assert two[:12] in superseded.reason


def test_a_commit_that_somebody_invented_starts_nothing(webhook: RunningWebhook, repository: Path) -> None:
    webhook.start()
    commits(repository, 1)
    assert webhook.send(github_push(str(repository), a_commit(5))).status_code == 202
    until(lambda: everything_ended(webhook), webhook)
    assert webhook.prefect.asked == []
    with webhook.inbox() as inbox:
        (refused,) = inbox.events(state=EventState.REFUSED)
    assert "is not on refs/heads/main" in refused.reason


def test_a_call_that_is_signed_and_dated_is_taken_with_the_secret_of_a_real_vault(
    webhook: RunningWebhook, repository: Path
) -> None:
    webhook.start("--no-dispatch")
    body = f'{{"ref": "refs/heads/main", "after": "{a_commit(1)}", "project": {{"git_http_url": "{repository}"}}}}'
    headers = {"content-type": "application/json", "x-gitlab-event": "Push Hook"}
    call = Call(Forge.GITLAB, headers, body.encode(), SIGNING_SECRET)
    assert webhook.send(call).status_code == 202
    call.body = call.body.replace(b"main", b"prod")
    assert webhook.send(Call(call.forge, call.signed() | headers, call.body + b" ", unsigned=True)).status_code == 401


def test_told_to_stop_it_finishes_what_it_has_begun(webhook: RunningWebhook, repository: Path) -> None:
    webhook.start()
    (commit,) = commits(repository, 1)
    assert webhook.send(github_push(str(repository), commit)).status_code == 202
    process = webhook.processes[0]
    webhook.stop()
    assert process.returncode == 0
    webhook.start()
    until(lambda: everything_ended(webhook), webhook)
    assert webhook.prefect.refs == [commit]
