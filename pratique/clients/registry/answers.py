"""What a registry's answers mean: a no that names the place and the remedy, or "ask again"."""

from __future__ import annotations

import json
import ssl
from http import HTTPStatus

import httpx

from pratique.clients.registry.purpose import Purpose
from pratique.errors import Refused, Transient

_LONGEST = 300
"""Characters of the registry's own words that are passed on."""

_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


def unexpected(place: str, purpose: Purpose, status: int, headers: httpx.Headers, content: bytes) -> Refused | Transient:
    """The error for an answer that is not the one hoped for; `place` is the registry's address."""
    said = f"HTTP {status} {own_words(content)}".rstrip()
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        wait = headers.get("Retry-After", "")
        return Transient(
            f"{place}: {purpose.doing} failed for now ({said})" + (f"; it says to wait {wait[:40]}" if wait else "")
        )
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Refused(
            f"{place}: {purpose.doing} was denied ({said}): check registry.username and registry.password, "
            f"and that this user may {purpose.action} {purpose.repository}"
        )
    if status < HTTPStatus.BAD_REQUEST:
        return Refused(f"{place}: {purpose.doing} got an answer that no registry gives ({said}): check registry.address")
    return Refused(f"{place}: {purpose.doing} was refused ({said})")


def no_answer(
    place: str, purpose: Purpose, error: httpx.HTTPError | httpx.InvalidURL | httpx.StreamError
) -> Refused | Transient:
    """The error for no answer at all. Says what kind it was, never its text: requests hold the login."""
    match error:
        case httpx.TimeoutException():
            return Transient(f"{place}: {purpose.doing} was not answered in time")
        case httpx.ConnectError() if refusal := _tls_refusal(error):
            return Refused(f"{place}: {refusal}")
        case httpx.ConnectError():
            return Transient(f"{place} cannot be reached for {purpose.doing}: nothing listens there, or the network is down")
        case httpx.TooManyRedirects() | httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return Refused(f"{place}: {purpose.doing} was redirected to where it cannot go: check registry.address")
        case _:
            return Transient(f"{place}: the connection broke while {purpose.doing} ({type(error).__name__})")


def own_words(content: bytes) -> str:
    """Codes and messages of the specification's error document, on one line; empty where it is none."""
    try:
        errors = json.loads(content)["errors"]
        said = "; ".join(f"{error['code']}: {error.get('message') or ''}".rstrip(": ") for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in said).split())[:_LONGEST]


def _tls_refusal(error: BaseException | None) -> str:
    """What is wrong with the TLS of the other side, where asking again cannot help; empty otherwise."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return "its certificate is not trusted: let SSL_CERT_FILE name its issuer's, or correct registry.address"
        if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
            return "it does not speak TLS: set registry.plain_http if that is meant, or correct registry.address"
        error = error.__cause__ or error.__context__
    return ""
