"""Fulcio, Rekor and the timestamp authorities: how they are reached, and what their refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from rfc3161_client import TimeStampResponse
from sigstore._internal.timestamp import TimestampAuthorityClient, TimestampError
from sigstore.errors import Error
from sigstore.models import ClientTrustConfig
from sigstore.oidc import ExpiredIdentity
from sigstore.sign import SigningContext

from pratique.errors import Invalid, Refused, Transient

TIMEOUT = 30.0
"""Seconds for one request. Rekor v2 answers only once its log holds the entry, which takes a few."""


@contextmanager
def signing_context(config: ClientTrustConfig) -> Iterator[SigningContext]:
    """Clients of the configured services, each request with a timeout, which sigstore-python leaves out."""
    try:
        services = config.signing_config
        fulcio, rekor = services.get_fulcio(), services.get_tlogs()[0]
        authorities: list[TimestampAuthorityClient] = [_Authority(authority.url) for authority in services.get_tsas()]
        trusted_root = config.trusted_root
    except (Error, ValueError) as error:
        raise Invalid("Sigstore's signing configuration", " ".join(str(error).split())[:300]) from None
    # Private, and of the pinned release: there is no public way to its connections.
    sessions: tuple[requests.Session, ...] = (fulcio.session, rekor._session)  # type: ignore[attr-defined] # noqa: SLF001
    for session in sessions:
        session.mount("http://", _WithTimeout())
        session.mount("https://", _WithTimeout())
    try:
        yield SigningContext(fulcio=fulcio, rekor=rekor, trusted_root=trusted_root, tsa_clients=authorities)
    finally:
        for session in sessions:
            session.close()


def in_our_words(error: Exception) -> Refused | Transient:
    """What a failure while signing means; the services' own text is kept, the token never is in it."""
    answer = _answer(error)
    if answer is not None:
        said = f"{answer.request.method} {answer.url} answered {answer.status_code}: {_text(answer)}"
        later = answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
        return Transient(said) if later else Refused(said)
    for failed in _origins(error):
        if isinstance(failed, requests.ConnectionError | requests.Timeout):
            place = failed.request.url if failed.request is not None else "Sigstore"
            return Transient(f"{place} did not answer: {type(failed).__name__}")
    if isinstance(error, ExpiredIdentity):
        return Refused("the identity token has expired: let the identity provider issue it for longer than signing takes")
    return Refused(f"signing was refused: {' '.join(str(error).split())[:300] or type(error).__name__}")


class _WithTimeout(HTTPAdapter):
    def send(self, *arguments: Any, **named: Any) -> requests.Response:
        named["timeout"] = named.get("timeout") or TIMEOUT
        return super().send(*arguments, **named)


class _Authority(TimestampAuthorityClient):
    """A timestamp authority whose failure ends the signing: sigstore-python would log it and go on without its time."""

    def request_timestamp(self, signature: bytes) -> TimeStampResponse:
        try:
            return super().request_timestamp(signature)
        except TimestampError as error:
            raise in_our_words(error) from None


def _origins(error: Exception) -> tuple[BaseException | None, ...]:
    # Fulcio's client raises from the HTTP error, Rekor's and the authorities' beside it.
    return error, error.__cause__, error.__context__


def _answer(error: Exception) -> requests.Response | None:
    # They drop the text of an answer with an error status themselves, because such a `requests.Response` is falsy.
    answers = (origin.response for origin in _origins(error) if isinstance(origin, requests.HTTPError))
    return next((answer for answer in answers if answer is not None), None)


def _text(answer: requests.Response) -> str:
    try:
        message = json.loads(answer.text)["message"]
    except (ValueError, KeyError, TypeError):
        message = answer.text
    return " ".join(str(message).split())[:300] or "without a text"
