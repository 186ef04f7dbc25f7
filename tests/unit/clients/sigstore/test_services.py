from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from sigstore._internal.fulcio.client import FulcioClientError
from sigstore._internal.rekor import RekorClientError
from sigstore.errors import VerificationError
from sigstore.oidc import ExpiredIdentity

from pratique.clients.sigstore.services import in_our_words
from pratique.errors import Refused, Transient

URL = "https://fulcio.test/api/v2/signingCert"


def http_error(status: int, text: str) -> requests.HTTPError:
    answer = requests.Response()
    answer.status_code, answer.url, answer._content = status, URL, text.encode()
    answer.request = requests.Request("POST", URL, headers={"Authorization": "Bearer planted"}).prepare()
    return requests.HTTPError(response=answer)


def as_fulcio_raises(cause: requests.HTTPError) -> Exception:
    error = FulcioClientError()
    error.__cause__ = cause
    return error


def as_rekor_raises(context: requests.HTTPError) -> Exception:
    error = RekorClientError(context)
    error.__context__ = context
    return error


@pytest.mark.parametrize("as_raised", [as_fulcio_raises, as_rekor_raises])
@pytest.mark.parametrize(
    ("status", "text", "kind", "said"),
    [
        (400, '{"code": 3, "message": "bad proof of possession"}', Refused, "answered 400: bad proof of possession"),
        (401, '{"message": "token is expired"}', Refused, "answered 401: token is expired"),
        (403, "<html>no</html>", Refused, "answered 403: <html>no</html>"),
        (404, "[]", Refused, "answered 404: []"),
        (409, "", Refused, "answered 409: without a text"),
        (429, '{"message": "slow down"}', Transient, "answered 429: slow down"),
        (500, '{"message": null}', Transient, "answered 500: None"),
        (503, "upstream\n  is away", Transient, "answered 503: upstream is away"),
    ],
)
def test_an_answer_keeps_its_text_and_becomes_a_no_or_a_later(
    as_raised: Callable[[requests.HTTPError], Exception], status: int, text: str, kind: type[Exception], said: str
) -> None:
    found = in_our_words(as_raised(http_error(status, text)))
    assert type(found) is kind
    assert str(found).endswith(said)
    assert str(found).startswith(f"POST {URL} ")
    assert "planted" not in str(found)


@pytest.mark.parametrize("failure", [requests.ConnectionError, requests.ConnectTimeout, requests.ReadTimeout])
def test_no_answer_is_asked_again(failure: type[requests.RequestException]) -> None:
    request = requests.Request("POST", URL).prepare()
    found = in_our_words(failure("planted", request=request))
    assert isinstance(found, Transient)
    assert str(found) == f"{URL} did not answer: {failure.__name__}"


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (ExpiredIdentity(), "the identity token has expired"),
        (VerificationError("failed to verify SCT"), "signing was refused: failed to verify SCT"),
        (KeyError("signedCertificateEmbeddedSct"), "signing was refused: 'signedCertificateEmbeddedSct'"),
        (RuntimeError(), "signing was refused: RuntimeError"),
    ],
)
def test_any_other_failure_is_a_no_with_its_text(failure: Exception, said: str) -> None:
    found = in_our_words(failure)
    assert isinstance(found, Refused)
    assert said in str(found)
