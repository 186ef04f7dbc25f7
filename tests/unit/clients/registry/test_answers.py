"""What answers of a registry mean."""

from __future__ import annotations

import ssl

import httpx
import pytest

from pratique.clients.registry.answers import no_answer, own_words, unexpected
from pratique.clients.registry.purpose import Purpose
from pratique.errors import Refused, Transient

PULL = Purpose("reading the manifest latest", "hello/releases")
PUSH = Purpose("pushing a blob", "hello/releases", write=True)
DENIED = b'{"errors": [{"code": "DENIED", "message": "requested access is denied", "detail": {"secret": "x"}}]}'


@pytest.mark.parametrize(
    ("status", "headers", "content", "purpose", "expected"),
    [
        (503, {}, b"", PULL, Transient("r: reading the manifest latest failed for now (HTTP 503)")),
        (
            429,
            {"Retry-After": "30"},
            b'{"errors":[{"code":"TOOMANYREQUESTS"}]}',
            PULL,
            Transient("r: reading the manifest latest failed for now (HTTP 429 TOOMANYREQUESTS); it says to wait 30"),
        ),
        (408, {}, b"", PULL, Transient("r: reading the manifest latest failed for now (HTTP 408)")),
        (
            403,
            {},
            DENIED,
            PUSH,
            Refused(
                "r: pushing a blob was denied (HTTP 403 DENIED: requested access is denied): check registry.username and "
                "registry.password, and that this user may push hello/releases"
            ),
        ),
        (
            401,
            {},
            b"",
            PULL,
            Refused(
                "r: reading the manifest latest was denied (HTTP 401): check registry.username and registry.password, "
                "and that this user may pull hello/releases"
            ),
        ),
        (404, {}, b"<html>", PULL, Refused("r: reading the manifest latest was refused (HTTP 404)")),
        (
            302,
            {},
            b"",
            PULL,
            Refused("r: reading the manifest latest got an answer that no registry gives (HTTP 302): check registry.address"),
        ),
    ],
)
def test_an_answer_that_was_not_hoped_for(
    status: int, headers: dict[str, str], content: bytes, purpose: Purpose, expected: Exception
) -> None:
    error = unexpected("r", purpose, status, httpx.Headers(headers), content)
    assert (type(error), str(error)) == (type(expected), str(expected))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"errors":[{"code":"A","message":"one"},{"code":"B"}]}', "A: one; B"),
        (b'{"errors":[{"code":"A","message":"two\\nlines\\u001b[31m"}]}', "A: two lines [31m"),
        (b'{"errors":[{"code":"A","message":"' + b"x" * 999 + b'"}]}', "A: " + "x" * 297),
        (b'{"errors":[{"message":"no code"}]}', ""),
        (b'{"errors":{"code":"A"}}', ""),
        (b'{"errors":null}', ""),
        (b"[]", ""),
        (b"[" * 100_000, ""),
        (b"<html>", ""),
        (b"\xff", ""),
        (b"", ""),
    ],
)
def test_a_registrys_own_words_are_passed_on_in_one_short_line(content: bytes, words: str) -> None:
    assert own_words(content) == words


def _caused(error: httpx.HTTPError, cause: Exception) -> httpx.HTTPError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (httpx.ReadTimeout("secret"), Transient, "not answered in time"),
        (httpx.PoolTimeout("secret"), Transient, "not answered in time"),
        (httpx.ConnectError("secret"), Transient, "cannot be reached"),
        (_caused(httpx.ConnectError("secret"), ssl.SSLCertVerificationError()), Refused, "certificate is not trusted"),
        (_caused(httpx.ConnectError("secret"), OSError("secret")), Transient, "cannot be reached"),
        (httpx.RemoteProtocolError("secret"), Transient, "the connection broke"),
        (httpx.ReadError("secret"), Transient, "the connection broke"),
        (httpx.WriteError("secret"), Transient, "the connection broke"),
        (httpx.TooManyRedirects("secret"), Refused, "redirected to where it cannot go"),
        (httpx.UnsupportedProtocol("secret"), Refused, "redirected to where it cannot go"),
    ],
)
def test_no_answer_says_what_kind_of_error_it_was_and_nothing_of_its_text(
    error: httpx.HTTPError, kind: type[Exception], reason: str
) -> None:
    found = no_answer("r", PULL, error)
    assert type(found) is kind
    assert reason in str(found)
    assert "secret" not in str(found)
