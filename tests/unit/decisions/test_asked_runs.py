"""What speaks against a run that a worker is asked for: each thing by itself, and all of them at once."""

from __future__ import annotations

from typing import Any

import pytest

from pratique.decisions.asked_runs import AskedRun, objections, objections_to_parameters

TEMPLATE = {"job_configuration": {"labels": {}}, "variables": {}}
KNOWN: dict[str, Any] = {
    "flows": ("promote", "rollback"),
    "deployments": {"prod", "pratique"},
    "pool_type": "pratique",
    "template": TEMPLATE,
}
PLAIN: dict[str, Any] = {
    "flow": "promote",
    "deployment": "prod",
    "entrypoint": "flows/promote.py:promote",
    "pool_type": "pratique",
    "pool_template": TEMPLATE,
}
STEP = {"prefect.deployments.steps.run_shell_script": {"script": "touch /tmp/evil"}}

CASES: list[tuple[dict[str, Any], str]] = [
    ({"flow": "evil"}, "this worker runs no flow of that name, only promote, rollback"),
    ({"flow": "Promote"}, "this worker runs no flow of that name, only promote, rollback"),
    ({"deployment": None}, "it belongs to no deployment"),
    ({"deployment": "another"}, "its deployment is none of those that the settings name: pratique, prod"),
    ({"variables": {"command": "touch /tmp/evil"}}, "it carries job variables ('command')"),
    ({"variables": {"env": {}, "image": "x"}}, "it carries job variables ('env', 'image')"),
    ({"deployment_variables": {"env": {"A": "b"}}}, "its deployment carries job variables ('env')"),
    ({"entrypoint": "evil.py:promote"}, "its deployment has another entrypoint than its flow"),
    ({"entrypoint": "flows/rollback.py:rollback"}, "its deployment has another entrypoint than its flow"),
    ({"entrypoint": None}, "its deployment has another entrypoint than its flow"),
    ({"pull_steps": (STEP,)}, "its deployment has pull steps"),
    ({"pool_type": "process"}, "its work pool has another type or base job template than `pratique install` writes"),
    ({"pool_template": {}}, "its work pool has another type or base job template than `pratique install` writes"),
]


def test_one_of_our_flows_and_nothing_else_is_run() -> None:
    assert objections(AskedRun(**PLAIN), **KNOWN) == ()


@pytest.mark.parametrize(("change", "reason"), CASES)
def test_whatever_else_it_brings_is_a_reason_against_it(change: dict[str, Any], reason: str) -> None:
    assert objections(AskedRun(**{**PLAIN, **change}), **KNOWN) == (reason,)


def test_every_reason_is_given_and_no_value_repeated() -> None:
    everything = {key: value for change, _ in CASES for key, value in change.items()}
    found = objections(AskedRun(**{**PLAIN, **everything, "flow": "evil", "deployment": "another"}), **KNOWN)
    assert len(found) == 6
    assert "touch" not in repr(found)


@pytest.mark.parametrize(
    ("parameters", "reasons"),
    [
        ({"service": "hello", "list": ["a", {"b": 1}]}, ()),
        ({"evil": 1, "service": "x"}, ("there is no parameter 'evil'",)),
        ({"service": {"$ref": "x"}}, ("service refers to a block of Prefect's",)),
        ({"list": [[{"deep": {"$ref": {}}}]]}, ("list refers to a block of Prefect's",)),
    ],
)
def test_parameters_have_the_flows_names_and_refer_to_nothing(parameters: dict[str, Any], reasons: tuple[str, ...]) -> None:
    assert objections_to_parameters(parameters, {"service", "list"}) == reasons
