"""`git push`: a bare repository's hook signs and sends what GitHub would, and the service answers with the new commit."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pratique.local.process import free_port
from tests.calls import SECRET
from tests.services.git import git
from tests.services.stack import PRATIQUE, RunningStack, Service

pytestmark = pytest.mark.xdist_group("stack")

WITHIN = 300
"""Seconds; a delivery takes a few on a quiet machine."""

# As an operator without a forge would write it: nothing but a shell, openssl and curl.
HOOK = """\
#!/bin/sh
set -eu
while read -r _ after ref; do
  body=$(printf '{"ref": "%s", "after": "%s", "head_commit": {"id": "%s"}, "repository": {"clone_url": "%s"}}' \\
    "$ref" "$after" "$after" "$PWD")
  signature=$(printf %s "$body" | openssl dgst -sha256 -hmac "$WEBHOOK_SECRET" -r | cut -d ' ' -f 1)
  curl --silent --show-error --fail-with-body "$WEBHOOK_URL/events/github" \\
    -H 'Content-Type: application/json' -H 'X-GitHub-Event: push' -H "X-GitHub-Delivery: $(cat /proc/sys/kernel/random/uuid)" \\
    -H "X-Hub-Signature-256: sha256=$signature" --data-binary "$body"
done
"""


class Pushed:
    """A service whose commits are pushed, and the webhook that hears of it."""

    def __init__(self, service: Service, bare: Path, url: str) -> None:
        self.service, self.bare, self.url = service, bare, url

    def push(self, *arguments: str) -> str:
        """What `git push` says, the hook's words included."""
        variables = {**os.environ, "WEBHOOK_SECRET": SECRET, "WEBHOOK_URL": self.url}
        command = ["git", "-C", str(self.service.repository), "push", str(self.bare), *arguments]
        return subprocess.run(command, env=variables, check=True, capture_output=True, text=True, timeout=120).stderr

    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.service.stack.read("events", self.service.name)
        return found

    def held(self) -> str | None:
        """The commit that was granted last."""
        with self.service.stack.clients() as clients, clients.ledger() as ledger:
            granted = ledger.granted(self.service.name, "dev")
        return granted.commit if granted else None

    def until(self, condition: Callable[[], bool], log: Path) -> None:
        end = time.monotonic() + WITHIN
        while not condition():
            assert time.monotonic() < end, log.read_text()[-3000:] + json.dumps(self.events(), indent=2)
            time.sleep(0.5)


@contextmanager
def webhook(stack: RunningStack, log: Path) -> Iterator[str]:
    """`pratique webhook` before the stack; its address."""
    port = free_port()
    with log.open("wb") as file:
        process = subprocess.Popen(
            [PRATIQUE, "webhook", "--port", str(port)], cwd=stack.folder, env=stack.environment(), stdout=file, stderr=file
        )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + WITHIN
        while not _is_ready(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).is_success
    except httpx.HTTPError:
        return False


def test_a_push_is_delivered_and_the_service_answers_with_its_commit(
    stack: RunningStack, service: Service, tmp_path: Path
) -> None:
    bare, log = tmp_path / "hello.git", tmp_path / "webhook.log"
    bare.mkdir()
    git(bare, "init", "--quiet", "--bare", "--initial-branch=main")
    hook = bare / "hooks" / "post-receive"
    hook.write_text(HOOK)
    hook.chmod(0o755)
    stack.local.openbao().seed_secret("webhook", {"current": SECRET})

    def listed(content: dict[str, Any]) -> None:
        rules = [{"on": "push", "ref": "main", "do": "deliver", "through": "dev"}]
        content["services"] = {service.name: {"repository": str(bare), "rules": rules}}
        content["webhook"] = {"secrets": {"github": ["vault:kv/data/webhook#current"]}}

    with stack.changed_settings(listed), webhook(stack, log) as url:
        pushed = Pushed(service, bare, url)
        first = service.commit("Say hello")
        assert "accepted" in pushed.push("main")
        pushed.until(lambda: pushed.held() == first, log)
        assert service.version("dev")["commit"] == first

        # A branch that no rule names is heard, and starts nothing.
        assert "ignored" in pushed.push("main:refs/heads/feature")
        second = service.commit("Say hello again")
        assert "accepted" in pushed.push("main")
        pushed.until(lambda: pushed.held() == second, log)
        assert service.version("dev")["commit"] == second

        newest, oldest = pushed.events()
        assert [newest["state"], oldest["state"]] == ["started", "started"]
        with stack.clients() as clients, clients.prefect() as prefect:
            (run, *_) = prefect.runs_tagged(f"service:{service.name}")
            assert {"event:github:push", f"service:{service.name}"} <= set(run.tags)
        assert stack.read("history", service.name)[0]["by"] == "github push refs/heads/main"
