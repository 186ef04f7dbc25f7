"""Stack outputs in a workload's variables."""

from __future__ import annotations

import pytest

from pratique.decisions.stack_values import resolve, unresolved
from pratique.errors import Refused

OUTPUTS = {"messages": {"QueueName": "hello-prod", "QueueUrl": "https://sqs/${messages.QueueName}"}, "empty": {}}


def test_outputs_are_filled_in_and_the_rest_stays() -> None:
    variables = {"LEVEL": "info", "QUEUE": "q=${messages.QueueName};", "BOTH": "${messages.QueueName} ${messages.QueueName}"}
    assert resolve(variables, OUTPUTS) == {"LEVEL": "info", "QUEUE": "q=hello-prod;", "BOTH": "hello-prod hello-prod"}


def test_an_outputs_value_is_not_looked_into() -> None:
    assert resolve({"URL": "${messages.QueueUrl}"}, OUTPUTS) == {"URL": "https://sqs/${messages.QueueName}"}


def test_nothing_to_fill_in_needs_no_outputs() -> None:
    assert resolve({}, {}) == {}
    assert resolve({"LEVEL": "info"}, {}) == {"LEVEL": "info"}


def test_every_output_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(Refused) as refused:
        resolve({"A": "${messages.Name}", "B": "${absent.Name}", "C": "${empty.Name}", "D": "${messages.QueueName}"}, OUTPUTS)
    assert refused.value.reasons == (
        "variable A wants ${messages.Name}, and stack messages has no such output: known are QueueName, QueueUrl",
        "variable B wants ${absent.Name}, and there is no stack absent: known are empty, messages",
        "variable C wants ${empty.Name}, and stack empty has no such output: known are none",
    )


def test_what_is_waited_for_is_listed() -> None:
    variables = {"A": "${messages.QueueName}-${other.Id}", "B": "plain"}
    assert unresolved(variables) == (("A", "messages", "QueueName"), ("A", "other", "Id"))
