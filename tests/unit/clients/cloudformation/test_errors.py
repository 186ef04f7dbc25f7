from __future__ import annotations

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from pratique.clients.cloudformation import open_stacks
from pratique.clients.cloudformation.errors import translated
from pratique.errors import Invalid, Refused, Transient
from pratique.settings import AwsSettings


@pytest.mark.parametrize(
    ("code", "message", "status", "word", "said"),
    [
        ("Throttling", "Rate exceeded", 400, Transient, "Rate exceeded"),
        ("RequestLimitExceeded", "Request limit exceeded.", 400, Transient, "Request limit"),
        ("429", "Too Many Requests", 429, Transient, "Too Many"),
        ("503", "Service Unavailable", 503, Transient, "Unavailable"),
        ("InternalFailure", "An internal error", 500, Transient, "internal"),
        ("ChangeSetNotFound", "ChangeSet [x] does not exist", 404, Transient, "does not exist"),
        ("ValidationError", "Stack:x is in UPDATE_IN_PROGRESS state and can not be updated.", 400, Transient, "IN_PROGRESS"),
        (
            "ValidationError",
            "Template format error: Unrecognized types: [A::B]",
            400,
            Refused,
            "there: Template format",
        ),
        ("ValidationError", "Parameter 'Level' must be one of\n AllowedValues", 400, Refused, "must be one of AllowedValues"),
        ("AlreadyExistsException", "Stack [x] already exists", 400, Refused, "already exists"),
        ("AccessDenied", "User: a is not authorized to perform: b", 403, Refused, "let the credentials' policy allow it"),
        ("ExpiredToken", "The security token is expired", 403, Refused, "check `environments"),
        ("InvalidClientTokenId", "The security token is invalid", 403, Refused, "check `environments"),
        (
            "InsufficientCapabilitiesException",
            "Requires : [CAPABILITY_IAM]",
            400,
            Refused,
            "declare the IAM roles",
        ),
        ("LimitExceededException", "Limit for stack has been exceeded", 400, Refused, "LimitExceeded"),
    ],
)
def test_an_answer_of_aws_is_one_of_our_words(code: str, message: str, status: int, word: type[Exception], said: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Some")
    with pytest.raises(word) as failure, translated("there"):
        raise error
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)
    assert failure.value.__cause__ is None


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), Transient),
        (exceptions.ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"), Transient),
        (exceptions.ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), Transient),
        (exceptions.ConnectionClosedError(endpoint_url="http://127.0.0.1:1"), Transient),
        (exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), Transient),
        (exceptions.CredentialRetrievalError(provider="role", error_msg="timed out"), Transient),
        (ResponseParserError("Unable to parse response: <html>"), Transient),
        (exceptions.NoCredentialsError(), Refused),
        (exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), Refused),
        (exceptions.ParamValidationError(report="Invalid length for parameter StackName"), Invalid),
        (exceptions.ProfileNotFound(profile="nobody"), Refused),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_a_failure_of_the_wire_is_one_of_our_words(error: Exception, word: type[Exception]) -> None:
    with pytest.raises(word) as failure, translated("there"):
        raise error
    assert type(failure.value) is word
    assert "there" in str(failure.value)
    assert "<html>" not in str(failure.value)


def test_a_bug_stays_what_it_is() -> None:
    with pytest.raises(KeyError), translated("there"):
        raise KeyError("bug")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:5566", "ftp//x", "http://"])
def test_an_endpoint_that_is_no_url_is_invalid(endpoint: str) -> None:
    with pytest.raises(Invalid, match=r"aws\.endpoint"), open_stacks(AwsSettings(endpoint=endpoint), ("a", "b")):
        pass
