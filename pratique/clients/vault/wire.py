"""The wire to one Vault: hvac's calls, their answers as values.

hvac raises one exception per status and loses some of them; what it and `requests` raise holds whole requests, token header
included. So its adapter is replaced by one that returns every answer as an `Answer`, and that turns "no answer"
into `Transient` or `Invalid` with nothing of the request in its chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import hvac
import hvac.adapters
import requests
from pydantic import Field

from pratique.errors import Invalid, Refused, Transient
from pratique.settings import VaultSettings
from pratique.values._base import Value

TIMEOUT = (5.0, 20.0)
"""Seconds to connect, and to wait for an answer."""

_CREDENTIALS = ("secret_id", "jwt", "token")
"""Fields of request bodies that an error answer might quote."""

_LONGEST = 300
"""Characters of Vault's own words that are passed on."""


class Answer(Value):
    """What Vault answered."""

    status: int
    body: dict[str, Any] = Field(default={}, repr=False)
    """The JSON object; empty where there was none. Holds secrets."""
    errors: str = ""
    """Vault's own words on one line, credentials taken out."""
    location: str = ""
    """Where a redirect points: scheme, host and port."""

    @property
    def ok(self) -> bool:
        return self.status in (200, 204)

    @property
    def data(self) -> dict[str, Any]:
        """The `data` of the body; empty where there is none."""
        data = self.body.get("data")
        return data if isinstance(data, dict) else {}


class Wire(hvac.adapters.RawAdapter):  # type: ignore[misc]  # hvac publishes no types
    """hvac's adapter, returning an `Answer` whatever the status."""

    def __init__(self, *settings: Any, sent: set[str], **more_settings: Any) -> None:
        super().__init__(*settings, **more_settings)
        self._sent = sent

    def request(self, method: str, url: str, headers: Mapping[str, str] | None = None, **details: Any) -> Answer:
        body = details.get("json") or {}
        self._sent.update(filter(None, [self.token, *(body.get(field) for field in _CREDENTIALS)]))
        try:
            response = super().request(method, url, dict(headers or {}), **(details | {"raise_exception": False}))
        except (requests.RequestException, OSError) as error:
            failure = _no_answer(self.base_uri, error)
        else:
            return _answer(self.base_uri, response, self._sent)
        raise failure  # outside `except`: the error caught holds the request


class Connection:
    """One Vault, reached over one pool of connections."""

    def __init__(self, settings: VaultSettings) -> None:
        if settings.ca_bundle is not None and not settings.ca_bundle.is_file():
            raise Invalid("vault.ca_bundle", f"there is no file {settings.ca_bundle}", "name a file of PEM certificates")
        self.address = settings.address
        self.namespace = settings.namespace
        self._sent: set[str] = set()  # every credential sent, so that no error quotes one
        self._http = requests.Session()
        self._http.verify = True if settings.ca_bundle is None else str(settings.ca_bundle)

    def client(self, token: str = "") -> hvac.Client:
        """An hvac client that shows `token`; none, unless given: hvac would look into the environment and the home folder."""
        return hvac.Client(
            url=self.address,
            token=token,
            namespace=self.namespace,
            session=self._http,
            timeout=TIMEOUT,
            # requests would carry the token header to wherever a redirect points.
            allow_redirects=False,
            adapter=Wire,
            sent=self._sent,
        )

    def close(self) -> None:
        self._http.close()


def _answer(address: str, response: requests.Response, credentials: set[str]) -> Answer:
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = None
    if not isinstance(body, dict):
        if response.ok and not response.is_redirect:
            raise Refused(f"{address} does not answer as Vault does: set vault.address to Vault's own address")
        body = {}
    return Answer(
        status=response.status_code,
        body=body,
        errors=_one_line(body.get("errors"), credentials),
        location=_server(response.headers.get("Location", "")),
    )


def _one_line(errors: object, credentials: set[str]) -> str:
    said = " ".join(map(str, errors)) if isinstance(errors, list) else ""
    for credential in credentials:
        said = said.replace(credential, "***")
    # Go's multierror spreads one error over three lines.
    return " ".join(said.replace("1 error occurred:", "").replace("* ", "").split())[:_LONGEST]


def _server(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _no_answer(address: str, error: Exception) -> Invalid | Refused | Transient:
    """Says what kind of error it was, never its text."""
    match error:
        case requests.exceptions.SSLError():
            return Refused(
                f"the certificate of Vault at {address} is not trusted: "
                "set vault.ca_bundle to the certificates that sign it, or correct vault.address"
            )
        case requests.Timeout():
            return Transient(f"Vault at {address} did not answer in time")
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return Transient(f"Vault at {address} cannot be reached: nothing listens there, or the connection broke")
        case requests.exceptions.InvalidURL() | requests.exceptions.MissingSchema() | requests.exceptions.InvalidSchema():
            return Invalid("vault.address", f"{address!r} is no address", "write http(s)://host:port")
        case _:
            return Transient(f"asking Vault at {address} failed ({type(error).__name__})")
