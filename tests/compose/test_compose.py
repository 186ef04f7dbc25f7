"""deployments/compose.yaml, whole and for real: a push to a Git server is delivered through the pools of three environments.

    make compose

It is no part of `make test`: it builds the images that ship, and where none can be pulled also those that they build on.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pratique.local.example import commit_example
from pratique.local.process import free_port
from tests.compose.images import CHECKOUT, build_ours, docker, ensure_images
from tests.compose.outside import ENVIRONMENTS, Outside
from tests.compose.shipped import Shipped
from tests.services.git import git

WITHIN = 600
"""Seconds for one delivery; it takes half a minute on a quiet machine."""
PREFECT_CLI = str(Path(sys.executable).with_name("prefect"))
PREFECT, WEBHOOK = "prefect.localhost", "localhost"


@dataclass
class Site:
    """The compose project as those outside see it."""

    outside: Outside
    shipped: Shipped
    https: int
    work_tree: Path

    @property
    def host(self) -> str:
        """The address of the environments' Docker host."""
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return docker("inspect", "--format", template, self.shipped.name_of("hosts")).stdout.strip()

    def prefect_variables(self) -> dict[str, str]:
        """The variables under which Prefect's own command reaches the API from this machine."""
        template = '{{(index .NetworkSettings.Networks "pratique_control").IPAddress}}'
        address = docker("inspect", "--format", template, self.shipped.name_of("api")).stdout.strip()
        password = (self.outside.secrets / "prefect_auth").read_text()
        home = str(self.outside.folder / "prefect")
        api = {"PREFECT_API_URL": f"http://{address}:4200/api", "PREFECT_API_AUTH_STRING": password}
        return {**os.environ, **api, "PREFECT_HOME": home, "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"}

    def prefect(self, *arguments: str) -> None:
        """A command of Prefect's own, which must succeed."""
        variables = self.prefect_variables()
        done = subprocess.run(
            [PREFECT_CLI, *arguments], env=variables, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def job_template(self) -> dict[str, Any]:
        """What `deployments/job_template.py docker` writes, with the files and the names of this machine."""
        command = [sys.executable, "deployments/job_template.py", "docker"]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
        template: dict[str, Any] = json.loads(done.stdout)
        job = template["job_configuration"]
        settings, secrets = self.outside.files_of("prod")
        job["volumes"] = [f"{settings}:/etc/pratique:ro", f"{secrets}:/run/secrets:ro"]
        trusted = {"GIT_SSL_CAINFO": "/etc/pratique/ca.pem", "SSL_CERT_FILE": "/etc/pratique/ca.pem"}
        job["env"] |= {**trusted, "PRATIQUE_VAULT__LOGIN__ROLE_ID": self.outside.role_ids["prod"]}
        job["container_create_kwargs"]["extra_hosts"] = self.outside.names()
        return template

    def push(self, subject: str) -> str:
        """A new commit, pushed to the forge; its id."""
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.test")
        git(self.work_tree, *identity, "commit", "--quiet", "--allow-empty", "--message", subject)
        self.outside.forge.push(self.work_tree, "HEAD:main")
        return git(self.work_tree, "rev-parse", "HEAD")

    def held(self) -> dict[str, dict[str, Any]]:
        return {row["environment"]: row for row in self.shipped.pratique("environments", "hello")}

    def until_delivered(self, commit: str) -> None:
        """Return when every environment holds the commit, and answers with it."""
        end = time.monotonic() + WITHIN
        while {name: row["commit"] for name, row in self.held().items()} != dict.fromkeys(ENVIRONMENTS, commit[:12]):
            if time.monotonic() > end:
                said = self.shipped.words_of(["webhook", "watch", *[f"worker-{one}" for one in ("build", *ENVIRONMENTS)]])
                raise AssertionError(f"{self.held()}\n{self.shipped.pratique('events', 'hello')}\n{said}")
            time.sleep(2)
        for held in self.held().values():
            port = held["address"].rpartition(":")[2]
            assert httpx.get(f"http://{self.host}:{port}/version", timeout=10).json()["commit"] == commit

    def get(self, path: str, auth: tuple[str, str] | None = None) -> httpx.Response:
        """Prefect's API through the TLS proxy, whose certificate is its own authority's."""
        root = self.shipped.compose("exec", "-T", "proxy", "cat", "/data/caddy/pki/authorities/local/root.crt")
        context = ssl.create_default_context(cadata=root)
        url = f"https://127.0.0.1:{self.https}{path}"
        with httpx.Client(verify=context, trust_env=False) as client:
            extensions = {"sni_hostname": PREFECT}
            return client.get(
                url, headers={"Host": PREFECT, "Accept": "text/html, */*"}, auth=auth, extensions=extensions, timeout=30
            )


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    ensure_images()
    build_ours("Dockerfile", "pratique:0.1.0")
    # Below a folder that every user may pass: containers read some of what is in it.
    folder = Path(tempfile.mkdtemp(prefix="pratique-compose-"))
    folder.chmod(0o755)
    outside, https = Outside(folder), free_port()
    with ExitStack() as ending:
        ending.callback(outside.down)
        outside.up()
        variables = {
            **outside.variables(),
            "HTTP_PORT": str(free_port()),
            "HTTPS_PORT": str(https),
            "PREFECT_HOST": PREFECT,
            "WEBHOOK_HOST": WEBHOOK,
        }
        shipped = Shipped(variables)
        ending.callback(shipped.down)
        shipped.up()
        shipped.until_well()
        shipped.load_into_hosts(outside.front)
        outside.forge.call_at(f"https://{WEBHOOK}:{https}/events/gitea")
        yield Site(outside, shipped, https, commit_example(CHECKOUT / "examples" / "hello", folder / "hello"))


def test_the_api_answers_through_the_proxy_and_only_with_the_password(site: Site) -> None:
    user, password = (site.outside.secrets / "prefect_auth").read_text().split(":")
    assert site.get("/api/admin/version").status_code == 401
    assert site.get("/api/admin/version", auth=(user, "another")).status_code == 401
    assert site.get("/api/admin/version", auth=(user, password)).json().startswith("3.8.")
    # The UI, too, and it calls the API where a browser reaches it.
    assert site.get("/ui-settings", auth=(user, password)).json()["api_url"] == f"https://{PREFECT}/api"
    assert "<script" in site.get("/runs/flow-run/any").text


def test_a_push_is_delivered_by_the_workers_of_each_environment(site: Site) -> None:
    commit = site.push("Say hello")
    site.until_delivered(commit)
    # Each environment's secret was given to that environment's worker, and to nobody else.
    for name in ENVIRONMENTS:
        assert site.outside.reads_of(f"kv/data/hello/{name}") == {name}
    end = time.monotonic() + 60
    while (told := site.outside.forge.statuses(commit)[0])["status"] != "success":
        assert time.monotonic() < end, told
        time.sleep(1)
    assert told["context"] == "pratique/deliver"
    assert told["target_url"].startswith(f"https://{PREFECT}/runs/flow-run/")
    (event,) = site.shipped.pratique("events", "hello")
    assert event["state"] == "started"


def test_a_delivery_survives_a_lost_api_server_and_a_lost_worker(site: Site) -> None:
    commit = site.push("Say hello again")
    docker("kill", site.shipped.name_of("api"))
    end = time.monotonic() + WITHIN
    while site.held()["staging"]["commit"] != commit[:12]:
        assert time.monotonic() < end
        time.sleep(0.5)
    docker("kill", site.shipped.name_of("worker-prod"))
    # A supervisor starts what it did not stop itself; `docker kill` counts as a person's word, so a person starts it again.
    site.shipped.up()
    site.until_delivered(commit)
    site.shipped.until_well()


def test_production_may_be_a_pool_of_containers(site: Site) -> None:
    site.shipped.compose("stop", "worker-prod")
    variables = site.prefect_variables()
    template = site.outside.folder / "template.json"
    template.write_text(json.dumps(site.job_template()))
    site.prefect("--no-prompt", "work-pool", "delete", "pratique-prod")
    site.prefect("work-pool", "create", "pratique-prod", "--type", "docker", "--base-job-template", str(template))
    site.shipped.compose("run", "--rm", "install")
    with (site.outside.folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [PREFECT_CLI, "worker", "start", "--pool", "pratique-prod"], env=variables, stdout=log, stderr=log
        )
    try:
        commit = site.push("Say hello from a container")
        site.until_delivered(commit)
    finally:
        # Politely it takes minutes, and what it started are containers that do not need it.
        worker.kill()
        worker.wait(60)
    assert "Creating Docker container" in (site.outside.folder / "worker.log").read_text()


def test_the_intakes_own_image_answers(site: Site) -> None:
    build_ours("webhook.Dockerfile", "pratique-webhook:0.1.0")
    told = docker("run", "--rm", "--entrypoint", "pratique", "pratique-webhook:0.1.0", "webhook", "--help").stdout
    assert "--dispatch-only" in told
