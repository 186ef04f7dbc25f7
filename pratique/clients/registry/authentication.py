"""Logging in as the registry asks for it: basic authentication, or a token from the service that its challenge names.

The format of the challenge and of the token service: distribution.github.io/distribution/spec/auth/token.
A token is kept per repository and action, shown at once the next time, and fetched anew when the registry refuses it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from http import HTTPStatus
from typing import NamedTuple
from urllib.request import parse_http_list

import httpx

from pratique.clients.registry.answers import unexpected
from pratique.clients.registry.credentials import Credentials
from pratique.clients.registry.purpose import Purpose
from pratique.errors import Refused

_Flow = Generator[httpx.Request, httpx.Response, None]


class Challenge(NamedTuple):
    """What a `WWW-Authenticate` header asks for."""

    scheme: str
    parameters: dict[str, str]


def read_challenge(headers: Iterable[str]) -> Challenge | None:
    """The challenge we can answer: a token rather than the password itself; None where there is neither."""
    found: dict[str, Challenge] = {}
    for header in headers:
        scheme, _, rest = header.strip().partition(" ")
        pairs = (item.partition("=") for item in parse_http_list(rest))
        found.setdefault(
            scheme.lower(), Challenge(scheme.lower(), {name.lower(): value.strip('"') for name, _, value in pairs})
        )
    return found.get("bearer") or found.get("basic")


class Login:
    """The login to one registry, shared by all its requests."""

    def __init__(self, registry: httpx.URL, credentials: Credentials | None) -> None:
        self.registry = registry
        self.credentials = credentials
        self.headers: dict[Purpose, str] = {}

    def for_purpose(self, purpose: Purpose) -> httpx.Auth:
        """How one request logs in."""
        return _Login(self, purpose)


class _Login(httpx.Auth):
    def __init__(self, login: Login, purpose: Purpose) -> None:
        self._login = login
        self._purpose = purpose
        self._key = Purpose("", purpose.repository, purpose.write, purpose.source)

    def sync_auth_flow(self, request: httpx.Request) -> _Flow:
        # An upload's address may be on another server, which is not shown what was meant for the registry.
        if _origin(request.url) != _origin(self._login.registry):
            yield request
            return
        shown = self._login.headers.get(self._key)
        if shown:
            request.headers["Authorization"] = shown
        response = yield request
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            return
        header = yield from self._answer(read_challenge(response.headers.get_list("WWW-Authenticate")))
        if header in (None, shown):
            return
        self._login.headers[self._key] = request.headers["Authorization"] = header
        yield request

    def _answer(self, challenge: Challenge | None) -> Generator[httpx.Request, httpx.Response, str | None]:
        credentials = self._login.credentials
        match challenge:
            case Challenge("basic") if credentials:
                return credentials.basic()
            case Challenge("bearer", parameters):
                token = yield from self._token(parameters)
                return f"Bearer {token}"
            case _:
                return None

    def _token(self, parameters: dict[str, str]) -> Generator[httpx.Request, httpx.Response, str]:
        request = self._token_request(parameters)
        response = yield request
        response.read()
        where = f"the token service {request.url.host} of {self._login.registry.netloc.decode()}"
        if response.status_code != HTTPStatus.OK:
            raise unexpected(where, self._purpose, response.status_code, response.headers, response.content)
        try:
            body = response.json()
            token = body.get("token") or body["access_token"]
        except (ValueError, KeyError, AttributeError):
            token = None
        # Anything but printable ASCII cannot stand in a header, and what complains about that quotes it.
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Refused(f"{where}: its answer holds no token: check the registry's configuration")
        return token

    def _token_request(self, parameters: dict[str, str]) -> httpx.Request:
        registry = self._login.registry
        try:
            realm = registry.join(parameters.get("realm", ""))
        except httpx.InvalidURL:
            realm = httpx.URL("")
        if realm.scheme not in ("http", "https") or not parameters.get("realm"):
            raise Refused(f"{registry.netloc.decode()} asks for a token but names no service to ask: check its configuration")
        if (registry.scheme, realm.scheme) == ("https", "http"):
            raise Refused(f"{registry.netloc.decode()} asks to send the password to {realm.host} without TLS: not done")
        asked = [("scope", scope) for scope in self._scopes(parameters)]
        if service := parameters.get("service"):
            asked.append(("service", service))
        headers = {"Authorization": self._login.credentials.basic()} if self._login.credentials else {}
        return httpx.Request("GET", realm.copy_with(params=[*realm.params.multi_items(), *asked]), headers=headers)

    def _scopes(self, parameters: dict[str, str]) -> list[str]:
        """What the challenge names. A look before writing is challenged for pulling alone: the token is to do for both."""
        pull = f"repository:{self._purpose.repository}:pull"
        named = parameters.get("scope", "").split() or [pull]
        return [self._purpose.scope if scope == pull else scope for scope in named]


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
