"""What every `Stacks` keeps: the fake, and the client against the AWS endpoint of the local stack."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError

from pratique.clients.cloudformation import open_stacks
from pratique.clients.cloudformation.stacks import CloudFormationStacks
from pratique.clients.ports import Stacks
from pratique.errors import FenceLost, Invalid, Transient
from pratique.local.process import free_port
from pratique.settings import AwsSettings
from pratique.values.stack import DesiredStack
from tests.fakes.stacks import FakeStacks
from tests.services.fault_proxy import FaultProxy

TEMPLATE = """
Parameters:
  Name: {Type: String}
  Level: {Type: String, Default: info}
Resources:
  Setting:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Ref Name, Type: String, Value: !Sub "level=${Level}"}
Outputs:
  Level: {Value: !Ref Level}
  Setting: {Value: !Ref Setting}
"""

ANOTHER = TEMPLATE.replace(
    "Outputs:",
    """  Other:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Sub "${Name}-other", Type: String, Value: other}
Outputs:""",
)

_numbers = itertools.count(1)


@dataclass
class Account:
    """One account with the client under test and an independent way to look at its resources."""

    stacks: Stacks
    names: Callable[[], list[str]]
    setting: Callable[[str], str | None]
    number: int

    @property
    def name(self) -> str:
        return f"pratique-hello-dev-settings{self.number}"

    def desired(self, *, template: str = TEMPLATE, tags: dict[str, str] | None = None, **parameters: str) -> DesiredStack:
        return DesiredStack(
            name=self.name,
            template=template,
            parameters={"Name": f"/hello/{self.number}", **parameters},
            tags={"pratique:service": "hello", "team": "harbour", **(tags or {})},
        )

    def apply(self, desired: DesiredStack, fence: int = 1) -> dict[str, str]:
        self.told: list[str] = []
        return self.stacks.apply(desired, fence, self.told.append)

    @property
    def value(self) -> str | None:
        return self.setting(f"/hello/{self.number}")


@pytest.fixture(params=["fake", "real"])
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    number = next(_numbers)
    if request.param == "fake":
        fake = FakeStacks()
        yield Account(fake, lambda: list(fake.stacks), fake.parameters.get, number)
        return
    endpoint = request.getfixturevalue("aws_endpoint")
    wire = {"endpoint_url": endpoint, "region_name": "eu-central-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    cloudformation, ssm = boto3.client("cloudformation", **wire), boto3.client("ssm", **wire)

    def names() -> list[str]:
        listed = cloudformation.list_stacks()["StackSummaries"]
        return [stack["StackName"] for stack in listed if stack["StackStatus"] != "DELETE_COMPLETE"]

    def setting(name: str) -> str | None:
        found = ssm.get_parameters(Names=[name])["Parameters"]
        return found[0]["Value"] if found else None

    with open_stacks(AwsSettings(endpoint=endpoint), ("id", "secret"), poll=0.01) as stacks:
        yield Account(stacks, names, setting, number)
    cloudformation.close()
    ssm.close()


def test_a_stack_is_created_and_its_outputs_are_given_back(account: Account) -> None:
    outputs = account.apply(account.desired(Level="warning"))

    assert outputs == {"Level": "warning", "Setting": f"/hello/{account.number}"}
    assert account.stacks.outputs(account.name) == outputs
    assert account.value == "level=warning"
    assert any("CREATE_COMPLETE" in line for line in account.told)


def test_outputs_of_no_stack_are_none(account: Account) -> None:
    assert account.stacks.outputs(account.name) == {}


def test_a_plan_for_a_new_stack_lists_it_and_its_resources_and_touches_nothing(account: Account) -> None:
    plan = account.stacks.plan(account.desired())

    assert [(change.name, change.action) for change in plan.changes] == [
        (account.name, "create"),
        (f"{account.name}/Setting", "create"),
    ]
    assert plan.desired == account.desired().digest
    assert not [name for name in account.names() if name.startswith(account.name)]
    assert account.value is None


def test_a_stack_that_is_as_desired_is_left_alone(account: Account) -> None:
    outputs = account.apply(account.desired())

    plan = account.stacks.plan(account.desired())
    assert plan.changes == ()
    assert plan.reason.startswith("nothing to do, because")
    assert account.apply(account.desired(), fence=2) == outputs
    assert account.told == [plan.reason]


def test_the_same_template_spelled_otherwise_is_no_change(account: Account) -> None:
    account.apply(account.desired())

    respelled = TEMPLATE.replace("!Ref Name", "{Ref: Name}").replace("\nResources", "\n# as before\nResources")
    assert account.stacks.plan(account.desired(template=respelled)).changes == ()


def test_other_values_of_parameters_change_the_resource_and_go_back_again(account: Account) -> None:
    account.apply(account.desired(Level="warning"))

    for level, before in (("error", "warning"), ("warning", "error")):
        plan = account.stacks.plan(account.desired(Level=level))
        assert plan.changes[0].action == "update"
        assert f"parameter Level: {before} → {level}" in plan.changes[0].detail
        assert account.value == f"level={before}"
        assert account.apply(account.desired(Level=level), fence=2)["Level"] == level
        assert account.value == f"level={level}"


def test_a_default_takes_over_where_a_parameter_is_no_longer_given(account: Account) -> None:
    account.apply(account.desired(Level="warning"))

    assert "parameter Level: warning → info" in account.stacks.plan(account.desired()).changes[0].detail
    account.apply(account.desired())
    assert account.value == "level=info"


def test_another_template_adds_and_removes_resources(account: Account) -> None:
    account.apply(account.desired())

    plan = account.stacks.plan(account.desired(template=ANOTHER))
    assert [(change.name, change.action) for change in plan.changes] == [
        (account.name, "update"),
        (f"{account.name}/Other", "create"),
    ]
    account.apply(account.desired(template=ANOTHER))
    assert account.setting(f"/hello/{account.number}-other") == "other"

    back = account.stacks.plan(account.desired())
    assert (f"{account.name}/Other", "remove") in [(change.name, change.action) for change in back.changes]
    account.apply(account.desired())
    assert account.setting(f"/hello/{account.number}-other") is None


def test_a_tag_of_the_team_is_a_change_and_one_of_ours_is_not(account: Account) -> None:
    account.apply(account.desired(tags={"pratique:release": "first"}))

    assert account.stacks.plan(account.desired(tags={"pratique:release": "second"})).changes == ()
    plan = account.stacks.plan(account.desired(tags={"team": "lighthouse"}))
    assert plan.changes[0].detail == "tag team: harbour → lighthouse"
    account.apply(account.desired(tags={"team": "lighthouse"}))
    assert account.stacks.plan(account.desired(tags={"team": "lighthouse"})).changes == ()


def test_a_newer_holder_of_the_lock_shuts_an_older_one_out(account: Account) -> None:
    account.apply(account.desired(Level="warning"), fence=5)
    account.apply(account.desired(Level="error"), fence=7)

    for fence, level in ((6, "debug"), (6, "error"), (1, "warning")):
        with pytest.raises(FenceLost, match="fence 7"):
            account.apply(account.desired(Level=level), fence=fence)
    assert account.value == "level=error"


@pytest.mark.parametrize(
    ("template", "parameters", "said"),
    [
        ("just text", {}, "not a mapping"),
        ("", {}, "not a mapping"),
        ("Resources: {A: [", {}, "not YAML in line 1"),
        ("Resources: {}", {}, "no Resources"),
        ("Resources: {A: {Properties: {}}}", {}, "Resources.A has no Type"),
        ("Resources: &a {A: *a}", {}, "aliases"),
        (TEMPLATE, {"Lvel": "error"}, "no parameter Lvel"),
        (TEMPLATE.replace("Default: info", "MinLength: 1"), {}, "no value for parameter Level"),
        (TEMPLATE + "#" * 51_200, {}, "51,200"),
    ],
    ids=["text", "empty", "broken", "no-resources", "no-type", "alias", "unknown-parameter", "missing-parameter", "too-big"],
)
def test_a_bad_template_is_refused_by_name_and_nothing_is_touched(
    account: Account, template: str, parameters: dict[str, str], said: str
) -> None:
    for attempt in (account.stacks.plan, account.apply):
        with pytest.raises(Invalid, match=said) as refusal:
            attempt(account.desired(template=template, **parameters))
        assert account.name in str(refusal.value)
    assert not [name for name in account.names() if name.startswith(account.name)]


def test_a_deleted_stack_is_gone_and_deleting_it_again_is_harmless(account: Account) -> None:
    account.apply(account.desired())

    account.stacks.delete(account.name)
    account.stacks.delete(account.name)
    assert account.value is None
    assert account.name not in account.names()
    account.apply(account.desired(), fence=2)
    assert account.value == "level=info"


# ── the real client on a wire that misbehaves


@pytest.mark.parametrize("fault", ["throttled", "unavailable", "page", "dropped"])
def test_a_wire_that_misbehaves_is_transient_and_not_asked_again_here(
    aws_endpoint: str, fault_proxy: Callable[[str], FaultProxy], fault: str
) -> None:
    proxy = fault_proxy(aws_endpoint)
    throttling = b"<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"
    match fault:
        case "throttled":
            proxy.answer(400, body=throttling)
        case "unavailable":
            proxy.answer(503)
        case "page":
            proxy.answer(502, body=b"<!doctype html><h1>Bad Gateway</h1>")
        case "dropped":
            proxy.drop()
    with open_stacks(AwsSettings(endpoint=proxy.url), ("id", "secret")) as stacks:
        with pytest.raises(Transient, match="stack absent in eu-central-1"):
            stacks.outputs("absent")
        assert proxy.count("POST") <= 1
        assert stacks.outputs("absent") == {}


def test_nobody_at_the_endpoint_is_transient() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with open_stacks(AwsSettings(endpoint=nowhere), ("id", "secret")) as stacks, pytest.raises(Transient, match=nowhere):
        stacks.outputs("absent")


def test_whichever_answer_is_lost_applying_again_ends_in_the_same_state(aws_endpoint: str) -> None:
    """As in a run that is killed: the request was heard, and nobody knows the answer."""
    name = f"/lost/{next(_numbers)}"
    for lost in itertools.count(1):
        losses = []
        with open_stacks(AwsSettings(endpoint=aws_endpoint), ("id", "secret"), poll=0.01) as stacks:
            for level in ("first", "second"):
                desired = DesiredStack(
                    name=f"pratique-hello-dev-lost{lost}",
                    template=TEMPLATE,
                    parameters={"Name": f"{name}/{lost}", "Level": level},
                    tags={"team": "harbour"},
                )
                with contextlib.suppress(Transient), losing(stacks, lost) as answers:
                    stacks.apply(desired, 1, print)
                losses.append(len(answers) >= lost)
                assert stacks.apply(desired, 1, print) == {"Level": level, "Setting": f"{name}/{lost}"}
                assert stacks.plan(desired).changes == ()
        if not any(losses):
            break
    assert lost > 5


@contextlib.contextmanager
def losing(stacks: Stacks, number: int) -> Iterator[list[str]]:
    """Lose the answer of that number; gives those that were sent."""
    assert isinstance(stacks, CloudFormationStacks)
    events, answers = stacks._client.meta.events, list[str]()

    def lose(model: Any, **_: object) -> None:
        answers.append(model.name)
        if len(answers) == number:
            raise ConnectionClosedError(endpoint_url="http://127.0.0.1")

    events.register("after-call.cloudformation", lose)
    try:
        yield answers
    finally:
        events.unregister("after-call.cloudformation", lose)
