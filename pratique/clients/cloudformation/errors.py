"""botocore's errors in our three words.

Codes: docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
and botocore's own list of what is worth asking again (`botocore/retries/standard.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from botocore import exceptions
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from pratique.errors import Invalid, Refused, Transient

_ASK_AGAIN = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "SlowDown",
        "PriorRequestNotComplete",
        "RequestTimeout",
        "RequestTimeoutException",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailable",
        "OperationInProgressException",
        "InvalidChangeSetStatus",
        "ChangeSetNotFound",
    }
)
"""The last three: somebody else is changing the stack, or has just changed it; looking again tells."""

_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"})
_TO_CREDENTIALS = "check `environments.<name>.aws.credentials`, or the role, profile or variables that boto3 finds"


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Within it, no botocore exception gets out; `place` says which stack, and where."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(place, error) from None
    except ParamValidationError as error:
        raise Invalid(place, " ".join(str(error).split())) from None
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Refused(f"{place}: {error}: {_TO_CREDENTIALS}") from None
    except (exceptions.ConnectionError, HTTPClientError, IncompleteReadError, CredentialRetrievalError) as error:
        raise Transient(f"{place}: {_one_line(error)}") from None
    except ResponseParserError:
        # A gateway's or a server's error page: what it says is HTML, and often long.
        raise Transient(f"{place}: the endpoint answered with something that is not CloudFormation's XML") from None
    except BotoCoreError as error:
        raise Refused(f"{place}: {_one_line(error)}") from None


def is_missing(error: ClientError) -> bool:
    """Whether AWS says that there is no such stack."""
    code, message = _code_and_message(error)
    return code == "ValidationError" and "does not exist" in message


def finds_no_changes(code_or_reason: str) -> bool:
    """Whether this is how an endpoint says that there is nothing to change: AWS and moto spell it differently."""
    return any(words in code_or_reason for words in ("didn't contain changes", "No updates are to be performed"))


def message_of(error: ClientError) -> str:
    """What AWS says, on one line."""
    return _code_and_message(error)[1]


def _from_answer(place: str, error: ClientError) -> Exception:
    code, message = _code_and_message(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", HTTPStatus.BAD_REQUEST))
    busy = code == "ValidationError" and "_IN_PROGRESS state" in message
    too_much = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT)
    if code in _ASK_AGAIN or busy or too_much or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Transient(f"{place}: {code}: {message}")
    if code in _CREDENTIALS:
        return Refused(f"{place}: AWS does not accept the credentials ({code}): {_TO_CREDENTIALS}")
    if code in _DENIED:
        return Refused(f"{place}: {message}: let the credentials' policy allow it")
    if code == "InsufficientCapabilitiesException":
        remedy = "declare the IAM roles in the template itself, where whoever reviews it sees them"
        return Refused(f"{place}: {message}: {remedy}")
    return Refused(f"{place}: {message}" if code == "ValidationError" else f"{place}: {code}: {message}")


def _code_and_message(error: ClientError) -> tuple[str, str]:
    told: dict[str, Any] = dict(error.response.get("Error", {}))
    code = str(told.get("Code", "Unknown"))
    return code, " ".join(str(told.get("Message") or "no message").split())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
