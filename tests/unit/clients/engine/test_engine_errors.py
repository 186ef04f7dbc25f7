"""What an engine's words mean, and that no error of a wire library comes out."""

from __future__ import annotations

from typing import Any

import docker.errors
import pytest
import requests
import urllib3

from pratique.clients.engine.errors import PortTaken, require_ok, translated, verdict
from pratique.errors import FenceLost, Refused, Transient

SAID = (
    # As 20.10 and 28 say it, with the status that comes along; None is an error inside a stream.
    (
        500,
        "driver failed programming external connectivity: Bind for 127.0.0.1:80 failed: port is already allocated",
        PortTaken,
    ),
    (500, "Error starting userland proxy: listen tcp4 127.0.0.1:80: bind: address already in use", PortTaken),
    (409, 'Conflict. The container name "/hello" is already in use by container "abc".', Refused),
    (404, "manifest for 127.0.0.1:5000/hello@sha256:0 not found: manifest unknown: manifest unknown", Refused),
    (404, "No such image: hello:latest", Refused),
    (500, 'Head "https://registry/v2/hello/manifests/1": unauthorized: authentication required', Refused),
    (500, 'Get "https://10.0.0.1:5000/v2/": http: server gave HTTP response to HTTPS client', Refused),
    (400, 'OCI runtime create failed: exec: "/bin/app": stat /bin/app: no such file or directory: unknown', Refused),
    (500, 'runc create failed: exec: "app": executable file not found in $PATH: unknown', Refused),
    (500, "write /var/lib/docker/tmp/x: no space left on device", Refused),
    (403, "error while removing network: network hello has active endpoints", Refused),
    (400, "invalid reference format", Refused),
    (None, "something nobody has heard of", Refused),
    (None, 'Get "http://127.0.0.1:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused', Transient),
    (500, 'Get "https://registry/v2/": dial tcp: lookup registry: Temporary failure in name resolution', Transient),
    (500, "toomanyrequests: You have reached your pull rate limit.", Transient),
    (None, "received unexpected HTTP status: 503 Service Unavailable", Transient),
    (500, "context deadline exceeded", Transient),
    (None, f'unable to find image "sha256:{"0" * 64}"', Transient),
    (500, "the engine is confused", Transient),
    (429, "", Transient),
)


@pytest.mark.parametrize(("status", "words", "kind"), SAID)
def test_the_words_decide_and_then_the_status(status: int | None, words: str, kind: type[Exception]) -> None:
    error = verdict("pull hello", words, status)
    assert type(error) is kind
    assert str(error).startswith("the engine did not pull hello: ")
    assert "\n" not in str(error)


def test_a_long_story_is_cut() -> None:
    assert len(str(verdict("pull hello", "word " * 10_000))) < 1000


def answered(status: int, body: str) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = status, body.encode()
    return response


RAISED = (
    (docker.errors.APIError("no", answered(409, ""), "Conflict"), Refused),
    (docker.errors.NotFound("no", answered(404, ""), "No such container: abc"), Refused),
    (docker.errors.APIError("no", answered(500, ""), "oops"), Transient),
    (docker.errors.InvalidVersion("client version 1.20 is too old"), Refused),
    (docker.errors.DockerException("connection refused"), Transient),
    (requests.ConnectionError("reset"), Transient),
    (requests.ReadTimeout("slow"), Transient),
    (urllib3.exceptions.ProtocolError("broken"), Transient),
    (urllib3.exceptions.ReadTimeoutError(None, "", "slow"), Transient),  # type: ignore[arg-type]  # a pool is not needed here
    (ConnectionResetError("reset"), Transient),
    (FenceLost("newer"), FenceLost),
    (ZeroDivisionError("a bug"), ZeroDivisionError),
)


@pytest.mark.parametrize(
    ("raised", "kind"), RAISED, ids=lambda value: type(value).__name__ if isinstance(value, Exception) else ""
)
def test_only_our_own_words_and_bugs_come_out(raised: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught, translated("list containers"):
        raise raised
    assert type(caught.value) is kind


@pytest.mark.parametrize("body", ['{"message": "No such image: x"}', "No such image: x"])
def test_an_answer_that_docker_py_has_not_looked_at_is_understood(body: str) -> None:
    require_ok("export x", answered(200, "a tar archive"))
    with pytest.raises(Refused, match="did not export x: No such image: x "):
        require_ok("export x", answered(404, body))


@pytest.mark.parametrize("body", ["[]", "null", '{"error": 1}', ""])
def test_an_answer_of_any_shape_is_an_error_of_ours(body: Any) -> None:
    with pytest.raises(Transient):
        require_ok("export x", answered(502, body))
