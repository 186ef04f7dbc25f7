"""A real Gitea of our own, built from its Go module: a Git server with webhooks, statuses and comments.

It has no web pages, which need Gitea's built front end; its API, Git over HTTP and webhooks need none.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path
from typing import Any

import httpx

from pratique.local.process import Processes, free_port
from tests import peers

CHECKOUT = Path(__file__).parents[2]
NAME = "gitea"
OWNER = "team"
PROJECT = "hello"

_CONFIGURATION = """\
RUN_MODE = prod
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = {url}/
LOCAL_ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {static}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[repository]
ROOT = {folder}/repositories
DEFAULT_BRANCH = main
[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
[webhook]
ALLOWED_HOST_LIST = *
SKIP_TLS_VERIFY = true
DELIVER_TIMEOUT = 30
[service]
DISABLE_REGISTRATION = true
[log]
LEVEL = Warn
"""


class Gitea:
    """One server with one user, and a project of that user; `url` is the address that its own answers name."""

    def __init__(self, processes: Processes, folder: Path, url: str | None = None) -> None:
        self._processes, self._folder, self._port = processes, folder, free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.url = url or f"http://{self.address}"
        self.repository = f"{self.url}/{OWNER}/{PROJECT}.git"
        self.webhook_secret = secrets.token_hex(24)
        self.token = ""

    def start(self) -> None:
        """The server answers, and has the user, a token for the pipeline, and an empty project."""
        self._folder.mkdir(parents=True)
        text = _CONFIGURATION.format(
            port=self._port, url=self.url, static=peers.program(NAME).parent, folder=self._folder, secret=secrets.token_hex(32)
        )
        (self._folder / "app.ini").write_text(text)
        self._run("migrate")
        password = secrets.token_hex(16)
        user = ["--username", OWNER, "--password", password, "--email", "team@example.test", "--must-change-password=false"]
        self._run("admin", "user", "create", "--admin", *user)
        scopes = "write:repository,write:issue,write:user"
        token = ["--username", OWNER, "--token-name", "pratique", "--scopes", scopes, "--raw"]
        self.token = self._run("admin", "user", "generate-access-token", *token).split()[-1]
        self._processes.start(
            NAME, [*self._command, "web"], ready=self._answers, port=self._port, environment=self._environment, within=120
        )
        self.ask("POST", "/user/repos", {"name": PROJECT, "private": False, "auto_init": False})

    def call_at(self, url: str, secret: str | None = None) -> None:
        """Let it tell an address of pushes, tags and pull requests, as a person sets it up in the project's settings."""
        config = {"url": url, "content_type": "json", "secret": secret or self.webhook_secret}
        body = {"type": "gitea", "config": config, "events": ["push", "pull_request", "release"], "active": True}
        self.ask("POST", f"/repos/{OWNER}/{PROJECT}/hooks", body)

    def push(self, work_tree: Path, *refs: str) -> None:
        """`git push` from a work tree."""
        address = f"http://{OWNER}:{self.token}@{self.address}/{OWNER}/{PROJECT}.git"
        subprocess.run(
            ["git", "-C", str(work_tree), "push", "--quiet", address, *refs], check=True, capture_output=True, timeout=120
        )

    def statuses(self, commit: str) -> list[dict[str, Any]]:
        """What a commit was told, the newest first."""
        found: list[dict[str, Any]] = self.ask("GET", f"/repos/{OWNER}/{PROJECT}/commits/{commit}/statuses?sort=recentupdate")
        return found

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What its API answers, which must be a success."""
        headers = {"Authorization": f"token {self.token}"}
        answer = httpx.request(method, f"http://{self.address}/api/v1{path}", json=body, headers=headers, timeout=60)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/api/healthz", timeout=5).is_success
        except httpx.TransportError:
            return False

    @property
    def _command(self) -> list[str]:
        return [str(peers.program(NAME)), "--work-path", str(self._folder), "--config", str(self._folder / "app.ini")]

    @property
    def _environment(self) -> dict[str, str]:
        # It refuses to run as root unless it is told so.
        return {"HOME": str(self._folder), "GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT": "true"}

    def _run(self, *arguments: str) -> str:
        variables = {**os.environ, **self._environment}
        done = subprocess.run(
            [*self._command, *arguments], env=variables, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
