"""An environment: the manifest with one overlay applied."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pratique.errors import Refused
from pratique.values.environment import Environment, environment_of
from pratique.values.manifest import Manifest


def environment(overlay: dict[str, Any], **changed: Any) -> Environment:
    """`prod` of a small service, with the overlay."""
    workload = {
        "image": "hello",
        "port": 8080,
        "variables": {"LEVEL": "info", "PLACE": "in ${environment}", "QUEUE": "${messages.QueueName}"},
        "secrets": {"DB": "vault:kv/data/hello/${environment}#db", "FIXED": "vault:kv/data/hello/dev#db@3"},
        "resources": {"memory": "64Mi", "cpus": 2.0},
    }
    manifest = {
        "version": 1,
        "service": "hello",
        "images": [{"name": "hello"}],
        "infrastructure": [
            {"stack": "messages", "module": "m", "version": "1.0.0", "parameters": {"Days": "1", "Name": "x-${environment}"}}
        ],
        "workload": workload,
        "checks": [{"name": "healthy", "http": {"path": "/${environment}", "contains": "${commit} ${environment}"}}],
        "environments": {"dev": {}, "prod": {"after": ["dev"], **overlay}},
    }
    return environment_of(Manifest.model_validate(manifest | changed), "prod")


def test_what_the_overlay_does_not_mention_stays() -> None:
    prod = environment({})
    assert prod.after == ("dev",)
    assert prod.workload.variables["LEVEL"] == "info"
    assert prod.stacks[0].parameters["Days"] == "1"
    assert [check.name for check in prod.checks] == ["healthy"]


def test_the_environments_name_is_filled_in_and_outputs_are_left_for_later() -> None:
    prod = environment({})
    assert prod.workload.variables == {"LEVEL": "info", "PLACE": "in prod", "QUEUE": "${messages.QueueName}"}
    assert {name: str(reference) for name, reference in prod.workload.secrets.items()} == {
        "DB": "vault:kv/data/hello/prod#db",
        "FIXED": "vault:kv/data/hello/dev#db@3",
    }
    assert prod.stacks[0].parameters["Name"] == "x-prod"
    http = prod.checks[0].http
    assert http is not None
    assert (http.path, http.contains) == ("/prod", "${commit} prod")


def test_mappings_are_merged_key_by_key_and_null_takes_away() -> None:
    workload = {
        "variables": {"LEVEL": None, "MORE": "${environment}"},
        "secrets": {"DB": "vault:kv/data/other#db", "FIXED": None},
    }
    prod = environment({"workload": workload, "infrastructure": {"messages": {"parameters": {"Days": None, "Size": "2"}}}})
    assert prod.workload.variables == {"PLACE": "in prod", "QUEUE": "${messages.QueueName}", "MORE": "prod"}
    assert {name: str(reference) for name, reference in prod.workload.secrets.items()} == {"DB": "vault:kv/data/other#db"}
    assert prod.stacks[0].parameters == {"Name": "x-prod", "Size": "2"}


def test_a_variable_may_become_a_secret() -> None:
    prod = environment({"workload": {"variables": {"LEVEL": None}, "secrets": {"LEVEL": "vault:kv/data/x#level"}}})
    assert "LEVEL" not in prod.workload.variables
    assert str(prod.workload.secrets["LEVEL"]) == "vault:kv/data/x#level"


def test_one_limit_is_changed_without_repeating_the_others() -> None:
    resources = environment({"workload": {"resources": {"memory": "1Gi"}}}).workload.resources
    assert (resources.memory, resources.cpus, resources.pids) == ("1Gi", 2.0, 128)


@pytest.mark.parametrize(
    ("field", "written", "meant"),
    [
        ("publish", 8443, 8443),
        ("command", ["serve", "--quiet"], ("serve", "--quiet")),
        ("command", [], ()),
        ("drain", "0s", timedelta(0)),
        ("ready_within", "2m", timedelta(minutes=2)),
    ],
)
def test_single_values_are_replaced(field: str, written: object, meant: object) -> None:
    assert getattr(environment({"workload": {field: written}}).workload, field) == meant


def test_a_check_with_the_same_name_is_replaced_and_others_are_added() -> None:
    checks = [{"name": "healthy", "tcp": {}}, {"name": "more", "tcp": {}}]
    prod = environment({"checks": checks})
    assert [check.name for check in prod.checks] == ["healthy", "more"]
    assert prod.checks[0].tcp is not None


def test_retries_are_the_services_own_unless_the_environment_has_some() -> None:
    assert environment({}, retries={"attempts": 2}).retries.attempts == 2
    assert environment({"retries": {"attempts": 9}}, retries={"attempts": 2}).retries.attempts == 9


def test_an_unknown_environment_is_refused_naming_the_known() -> None:
    manifest = {
        "version": 1,
        "service": "hello",
        "images": [{"name": "hello"}],
        "workload": {"image": "hello", "port": 1},
        "checks": [{"name": "up", "tcp": {}}],
        "environments": {"dev": {}, "prod": {}},
    }
    with pytest.raises(Refused, match=r"no environment 'test': its pratique\.yaml knows dev, prod"):
        environment_of(Manifest.model_validate(manifest), "test")


def test_no_two_places_share_a_stack() -> None:
    one = environment({}, service="a-b")
    other = environment({}, service="a")
    assert one.stack_name("x") == "pratique-a-b--prod--x"
    assert one.stack_name("x") != other.model_copy(update={"name": "b-prod"}).stack_name("x")
