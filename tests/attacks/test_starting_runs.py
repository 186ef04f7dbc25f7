"""Whoever may start runs in Prefect, or edit what is there, chooses one of our flows and its parameters, and no more."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.attacker import Attacker
from tests.services.stack import RunningStack

pytestmark = pytest.mark.xdist_group("stack")

FORMS: dict[str, Any] = {"type": "object", "properties": {}}


@pytest.fixture
def attacker(stack: RunningStack, tmp_path: Path) -> Iterator[Attacker]:
    with stack.prefect_api() as api:
        yield Attacker(api, tmp_path / "trace")


def with_variables(**variables: Any) -> Callable[[Attacker], str]:
    def attack(it: Attacker) -> str:
        return it.start(job_variables={name: value(it) if callable(value) else value for name, value in variables.items()})

    return attack


def with_edited_deployment(**fields: Any) -> Callable[[Attacker], str]:
    def attack(it: Attacker) -> str:
        with it.edited(**{name: value(it) if callable(value) else value for name, value in fields.items()}) as deployment:
            run = it.start(deployment)
            it.ended(run)
        return run

    return attack


def with_edited_pool(it: Attacker) -> str:
    properties = {"command": {"type": "string", "default": it.command}, "env": {"type": "object", "default": {"EVIL": "1"}}}
    template = {
        "job_configuration": {"command": "{{ command }}", "env": "{{ env }}"},
        "variables": {"type": "object", "properties": properties},
    }
    with it.edited_pool(template):
        # The server tells the worker of the edit; until then runs go on as if there was none.
        while it.ended(run := it.start())["state_type"] == "COMPLETED":
            assert not it.trace.exists()
    return run


def with_a_flow_of_their_own(it: Attacker) -> str:
    return it.start(it.deploy("evil", "pratique", entrypoint=f"{it.module}:evil", path="/"), parameters={})


def with_our_flow_and_their_code(it: Attacker) -> str:
    return it.start(it.deploy("reverify", "another", entrypoint=f"{it.module}:evil", path="/"))


def with_a_deployment_of_their_own(it: Attacker) -> str:
    return it.start(it.deploy("advance", f"own-{uuid.uuid4().hex[:8]}", entrypoint="flows/advance.py:advance"))


ATTACKS: dict[str, tuple[Callable[[Attacker], str], str]] = {
    "a command": (with_variables(command=lambda it: it.command), "it carries job variables ('command')"),
    "a command that is one of many": (with_variables(name="x", command=lambda it: it.command), "('command', 'name')"),
    "settings of ours": (
        with_variables(env={"PRATIQUE_ENVIRONMENTS__PROD__GATES": "{}", "PRATIQUE_VAULT__ADDRESS": "http://evil.example"}),
        "('env')",
    ),
    "a settings file": (with_variables(env={"PRATIQUE_CONFIG": "/tmp/evil.toml"}), "('env')"),  # noqa: S108
    "a variable by its path": (with_variables(**{"env.PRATIQUE_CONFIG": "/tmp/evil.toml"}), "('env.PRATIQUE_CONFIG')"),  # noqa: S108
    "Python's own variables": (with_variables(env=lambda it: {"PYTHONPATH": str(it.module.parent)}), "('env')"),
    "a working folder": (with_variables(working_dir="/tmp"), "('working_dir')"),  # noqa: S108
    "an image": (with_variables(image="evil:latest"), "('image')"),
    "a deployment's command": (
        with_edited_deployment(job_variables={"command": "touch /tmp/evil"}),
        "its deployment carries job variables ('command')",
    ),
    "a deployment's entrypoint": (
        with_edited_deployment(entrypoint=lambda it: f"{it.module}:evil", path="/"),
        "its deployment has another entrypoint than its flow",
    ),
    "a deployment that leads to another flow": (
        with_edited_deployment(entrypoint="flows/deliver.py:deliver"),
        "its deployment has another entrypoint than its flow",
    ),
    "a deployment's pull steps": (
        with_edited_deployment(pull_steps=lambda it: [{"prefect.deployments.steps.run_shell_script": {"script": it.command}}]),
        "its deployment has pull steps",
    ),
    "a pool's job template": (with_edited_pool, "its work pool has another type or base job template"),
    "a flow of their own": (with_a_flow_of_their_own, "this worker runs no flow of that name"),
    "a deployment of our flow with code of their own": (with_our_flow_and_their_code, "another entrypoint than its flow"),
    "a deployment of their own": (with_a_deployment_of_their_own, "its deployment is none of those that the settings name"),
    "no deployment": (lambda it: it.start_without_deployment("advance"), "it belongs to no deployment"),
}


@pytest.mark.parametrize("kind", ATTACKS)
def test_a_run_that_brings_more_than_a_flow_and_its_parameters_is_refused(attacker: Attacker, kind: str) -> None:
    attack, reason = ATTACKS[kind]
    run = attack(attacker)
    ended = attacker.ended(run)
    assert (ended["state_name"], ended["state_type"]) == ("Refused", "FAILED"), ended["state"]
    assert reason in ended["state"]["message"]
    assert not attacker.began(run)
    assert not attacker.trace.exists()


PARAMETERS: dict[str, tuple[Callable[[Attacker], dict[str, Any]], str]] = {
    "one that the flow does not have": (lambda _: {"dry_run": True, "policies": []}, "there is no parameter 'policies'"),
    "one of another type": (lambda _: {"dry_run": "perhaps"}, "dry_run: Input should be a valid boolean"),
    "one beyond its pattern": (lambda _: {"dry_run": True, "environment": "../../etc"}, "environment: String should match"),
    "a block in its place": (
        lambda it: {"service": {"$ref": {"block_document_id": it.block("secret", {"value": "hidden"})}}},
        "service refers to a block of Prefect's",
    ),
}


@pytest.mark.parametrize("kind", PARAMETERS)
def test_parameters_are_held_to_the_flow_whatever_its_deployment_says(attacker: Attacker, kind: str) -> None:
    parameters, reason = PARAMETERS[kind]
    with attacker.edited(enforce_parameter_schema=False, parameter_openapi_schema=FORMS) as deployment:
        run = attacker.start(deployment, parameters=parameters(attacker))
        ended = attacker.ended(run)
    assert (ended["state_name"], ended["state_type"]) == ("Invalid", "FAILED"), ended["state"]
    assert reason in ended["state"]["message"]
    assert "hidden" not in ended["state"]["message"]
    assert not attacker.began(run)


def test_a_run_that_names_another_process_as_its_own_does_not_end_it(attacker: Attacker) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as victim:
        run = attacker.start(job_variables={"command": "true"})
        attacker.api.patch(f"/flow_runs/{run}", json={"infrastructure_pid": str(victim.pid)}).raise_for_status()
        attacker.api.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "CANCELLING"}}).raise_for_status()
        # Nobody ends a run that nobody has; whatever happens, the worker has heard of it by the time it takes another one.
        attacker.ended(attacker.start())
        assert victim.poll() is None
        victim.communicate(b"\n")


def test_after_all_that_the_worker_still_runs_what_it_should(attacker: Attacker) -> None:
    ended = attacker.ended(attacker.start())
    assert ended["state_type"] == "COMPLETED", ended["state"]
