"""A real `pratique webhook` process, its secrets in a real OpenBao, before a Prefect server that only records."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import tomli_w

from pratique.clients.inbox import open_inbox
from pratique.clients.ports.inbox import Inbox
from pratique.local.openbao import OpenBao
from pratique.local.process import free_port
from pratique.settings import LedgerSettings
from tests.calls import SECRET, SIGNING_SECRET, Call

PRATIQUE = Path(sys.executable).with_name("pratique")
STARTED_WITHIN = 120
"""Seconds; a machine with other work needs several for the imports alone."""


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no error of this server."""


class RecordingPrefect:
    """The requests by which runs are started and followed, answered as Prefect's API does: one run for each key."""

    def __init__(self) -> None:
        self.port = free_port()
        self.asked: list[dict[str, Any]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.states: dict[str, str] = {}
        """The type of state of each run, by its id; it is scheduled where nobody has said anything else."""
        self._turn = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                name = re.fullmatch(r"/api/deployments/name/(.+)", self.path)
                self._say(200 if name else 404, {"id": name[1].replace("/", "~")} if name else {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.path == "/api/flow_runs/filter":
                    self._say(200, peer.found(body["flow_runs"]))
                elif self.path == "/api/artifacts/filter":
                    self._say(200, [])
                else:
                    self._say(201, peer.started(self.path, body))

            def _say(self, status: int, content: dict[str, Any] | list[dict[str, Any]]) -> None:
                encoded = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = _QuietServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def started(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self._turn:
            self.asked.append(body)
            run = {"id": f"run-{len(self.runs) + 1}", "name": "run", "path": path, "parameters": body["parameters"]}
            return self.runs.setdefault(body["idempotency_key"], run)

    def found(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        ids = wanted.get("id", {}).get("any_", [])
        with self._turn:
            runs = [run for run in self.runs.values() if run["id"] in ids]
            kinds = [self.states.get(run["id"], "SCHEDULED") for run in runs]
        return [{**run, "state_type": kind, "state_name": kind.capitalize()} for run, kind in zip(runs, kinds, strict=True)]

    @property
    def refs(self) -> list[str]:
        """What was started, in the order in which it was."""
        return [run["parameters"]["ref"] for run in self.runs.values()]


@dataclass
class RunningWebhook:
    """One receiver and what it needs; it may be killed and started again, on the same port and the same inbox."""

    folder: Path
    content: dict[str, Any]
    prefect: RecordingPrefect
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        return self.folder / "pratique.toml"

    def start(self, *options: str) -> None:
        """Start it and wait until calls can be taken."""
        self.run(*options)
        end = time.monotonic() + STARTED_WITHIN
        while not self.is_ready():
            if self.processes[-1].poll() is not None or time.monotonic() > end:
                pytest.fail(f"the webhook did not start: {(self.folder / 'log').read_text()[-3000:]}")
            time.sleep(0.05)

    def run(self, *options: str) -> None:
        """Start a process of it."""
        self.config.write_text(tomli_w.dumps(self.content))
        environment = {**os.environ, "PRATIQUE_CONFIG": str(self.config)}
        with (self.folder / "log").open("ab") as log:
            command = [PRATIQUE, "webhook", "--port", str(self.port), *options]
            self.processes.append(subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log))

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        """`kill -9`, of every process."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def send(self, call: Call) -> httpx.Response:
        """The answer to one call."""
        return httpx.post(f"{self.url}/events/{call.forge}", headers=call.signed(), content=call.body, timeout=30)

    @contextmanager
    def inbox(self) -> Iterator[Inbox]:
        with open_inbox(LedgerSettings(url=self.content["ledger"]["url"])) as inbox:
            yield inbox

    def _end(self, number: int) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)
        for process in self.processes:
            process.wait(60)
        self.processes.clear()


@contextmanager
def webhook_in(folder: Path, openbao: OpenBao, **services: str) -> Iterator[RunningWebhook]:
    """A receiver that is not started yet; `services` are names and their repositories."""
    openbao.seed_secret("webhook", {"current": SECRET, "signing": SIGNING_SECRET})
    prefect = RecordingPrefect()
    prefect.start()
    references = ["vault:kv/data/webhook#current", "vault:kv/data/webhook#signing"]
    content = {
        "git_cache": str(folder / "git"),
        "vault": openbao.settings.model_dump(mode="json", exclude_none=True),
        "ledger": {"url": f"sqlite:///{folder / 'ledger.db'}"},
        "prefect": {"api_url": prefect.api_url},
        "environments": {"dev": {}},
        "services": {
            name: {"repository": repository, "rules": [{"on": "push", "do": "deliver"}]}
            for name, repository in services.items()
        },
        "webhook": {
            "secrets": {"github": references[:1], "gitlab": references},
            "rate_per_address": 100_000,
            "rate": 100_000,
            "most_waiting": 1_000_000,
            "lease": "5s",
        },
    }
    running = RunningWebhook(folder, content, prefect)
    try:
        yield running
    finally:
        running.kill()
        prefect.stop()
