"""One commit to production and the next one after it, by the command line, on the real local stack."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.services.stack import RunningStack, Service, running_here

pytestmark = pytest.mark.xdist_group("stack")

ENVIRONMENTS = ["dev", "staging", "prod"]


@dataclass(frozen=True)
class Delivered:
    """A service, its first commit, and what was said when that was delivered."""

    service: Service
    commit: str
    output: str

    def containers(self) -> dict[str, str]:
        """Container id → image, of everything that runs for the service."""
        client = docker.from_env()
        try:
            found = client.containers.list(filters={"label": f"io.pratique.service={self.service.name}"})
            return {str(container.id): str(container.attrs["Image"]) for container in found}
        finally:
            client.close()


@pytest.fixture(scope="module")
def delivered(stack: RunningStack) -> Delivered:
    service = Service(stack, "hello-delivered")
    commit = service.commit("Deliver me")
    done = service.deliver()
    assert done.returncode == 0, done.stdout + done.stderr
    return Delivered(service, commit, done.stdout)


def test_every_environment_answers_with_the_commit_and_its_secret_is_set(delivered: Delivered) -> None:
    for environment in ENVIRONMENTS:
        version = delivered.service.version(environment)
        assert version["commit"] == delivered.commit
        assert version["environment"] == environment
        assert version["db_password_is_set"] is True


def test_the_progress_names_each_step_and_the_end_says_what_is_where(delivered: Delivered) -> None:
    for step in ("build hello", "push hello", "sign hello", "store the release", "sign the release"):
        assert f"✓ {delivered.service.repository} @ main  {step}" in delivered.output
    for environment in ENVIRONMENTS:
        for step in (f"decide for {environment}", f"deploy to {environment}", f"check {environment}", f"grant {environment}"):
            assert f"{delivered.service.name} → {environment}  {step}" in delivered.output
    assert delivered.output.count("http://127.0.0.1:") >= len(ENVIRONMENTS)


def test_without_prefect_the_same_steps_are_made_and_the_same_is_said(delivered: Delivered, stack: RunningStack) -> None:
    """What stands in for Prefect elsewhere (`tests/fakes/flows_here.py`), held to what it stands for."""
    service = Service(stack, "hello-here")
    service.commit("Deliver me")
    with running_here():
        done = service.deliver()
    assert done.returncode == 0, done.stderr
    assert said(done.stdout, service) == said(delivered.output, delivered.service)


def said(output: str, service: Service) -> list[str]:
    """What a delivery says, without what differs each time, in an order that does not depend on who is looked at first."""
    found = output.replace(service.name, "NAME").replace(str(service.repository.parent), "FOLDER")
    for what in (r"[0-9a-f]{12}\b", r"\b\d+\.\d+( s)?", r"http://\S+", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"):
        found = re.sub(what, "…", found)
    return sorted(" ".join(line.split()) for line in found.splitlines())


def test_environments_were_granted_upstream_first(delivered: Delivered) -> None:
    history = delivered.service.stack.read("history", delivered.service.name)
    assert [row["environment"] for row in reversed(history)][:3] == ENVIRONMENTS


def test_the_same_commit_again_builds_nothing_replaces_nothing_and_says_so(delivered: Delivered) -> None:
    before = delivered.containers()
    again = delivered.service.deliver()
    assert again.returncode == 0, again.stderr
    assert "build hello" not in again.stdout
    assert "deploy to" not in again.stdout
    assert again.stdout.count("nothing to do") == len(ENVIRONMENTS)
    assert delivered.containers() == before


def test_releases_are_verified_by_the_command_line(delivered: Delivered) -> None:
    (release,) = delivered.service.stack.read("releases", delivered.service.name)
    assert delivered.commit.startswith(release["commit"])
    assert delivered.service.stack.read("verify", delivered.service.name, "--release", release["release"])["verified"] is True


def test_what_each_environment_holds_is_proved_and_runs_there(delivered: Delivered) -> None:
    service = delivered.service
    for name in ENVIRONMENTS:
        told = service.stack.read("verify", service.name, "--in", name)
        assert told["refusals"] == []
        assert [row["environment"] for row in told["chain"]] == ENVIRONMENTS
        kinds = {part["kind"]: part for part in told["parts"]}
        assert kinds["running"]["name"] == kinds["ledger"]["name"] == name


def test_an_image_is_verified_and_told_which_releases_name_it(delivered: Delivered) -> None:
    told = delivered.service.stack.read("verify", delivered.service.name, "--image", "hello")
    (image, release, *_) = told["parts"]
    assert (image["kind"], image["wrong"], release["kind"]) == ("image", [], "release")
    assert release["says"] == ["is in dev", "is in prod", "is in staging"]
    again = delivered.service.stack.read("verify", delivered.service.name, "--image", image["digest"])
    assert again["parts"] == told["parts"]


def test_its_evidence_is_exported_twice_alike_and_verified_without_settings(delivered: Delivered, tmp_path: Path) -> None:
    stack, name = delivered.service.stack, delivered.service.name
    first, second = tmp_path / "first", tmp_path / "second"
    told = stack.read("evidence", "export", name, str(first))
    assert stack.read("evidence", "export", name, str(second)) == told | {"file": str(second)}
    assert first.read_bytes() == second.read_bytes()
    done = subprocess.run(
        [Path(sys.executable).with_name("pratique"), "verify", "--bundle", first, "--trust", told["trust"]],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "environment prod" in done.stdout


def test_what_a_person_sees_in_prefect_names_service_commit_and_environment(delivered: Delivered) -> None:
    with delivered.service.stack.clients() as clients, clients.prefect() as prefect:
        runs = prefect.runs_tagged(f"service:{delivered.service.name}")
    tags = {tag for run in runs for tag in run.tags}
    assert {f"environment:{name}" for name in ENVIRONMENTS} <= tags
    assert f"commit:{delivered.commit[:12]}" in tags
    assert f"{delivered.service.name} → prod" in {run.name for run in runs}


@pytest.fixture(scope="module")
def second(delivered: Delivered) -> tuple[Delivered, dict[str, Any]]:
    """A second commit, planned before it is delivered to dev alone: the plan, and what dev then is."""
    service = delivered.service
    service.edit("serve", "ok", "ok, still")
    commit = service.commit("Say that it still works")
    before = delivered.containers()
    service.delivered("--through", "dev")
    plan = json.loads(service.stack.pratique("plan", service.name, "--to", "staging", "--json").stdout)
    assert set(delivered.containers()) & set(before), "staging and prod were left alone"
    return Delivered(service, commit, ""), plan


def test_a_new_commit_moves_the_workload_and_leaves_the_infrastructure_that_did_not_change(
    second: tuple[Delivered, dict[str, Any]],
) -> None:
    delivered, plan = second
    assert [change["kind"] for change in plan["changes"]] == ["workload"]
    assert plan["allowed"] is True
    assert delivered.service.version("dev")["commit"] == delivered.commit
    assert delivered.service.version("staging")["commit"] != delivered.commit


def test_a_plan_touches_nothing_and_names_what_stands_in_the_way(second: tuple[Delivered, dict[str, Any]]) -> None:
    delivered, _ = second
    before = delivered.containers()
    planned = delivered.service.stack.pratique("plan", delivered.service.name, "--to", "prod")
    assert planned.returncode == 3
    assert "has not been granted in 'staging'" in planned.stderr
    assert delivered.containers() == before


def test_promote_moves_the_very_release_that_was_built(second: tuple[Delivered, dict[str, Any]]) -> None:
    delivered, _ = second
    name, stack = delivered.service.name, delivered.service.stack
    newest = stack.read("releases", name)[0]["release"]
    done = stack.pratique("promote", name, "--to", "staging", "--release", newest)
    assert done.returncode == 0, done.stderr
    held = stack.held(name)
    assert held["staging"]["release"] == held["dev"]["release"] == newest
    assert held["prod"]["release"] != newest
    assert delivered.service.version("staging")["commit"] == delivered.commit
