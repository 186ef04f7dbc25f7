"""The wire to one forge: requests, pages, and what went wrong as one of our words; no message ever holds the token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from pratique import __version__
from pratique.clients.ports.forge import Denied, Limited
from pratique.clients.tls import trusting
from pratique.errors import Refused, Transient
from pratique.values.event import Forge

TIMEOUT = httpx.Timeout(15.0, connect=5.0)
MOST_PAGES = 50
_LONGEST = 300
"""Letters of the forge's own words that are passed on."""
_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""Where the forge does not say when to ask again: GitHub wants a minute at least."""


class Wire:
    """One forge's API; use `connected`."""

    def __init__(self, kind: Forge, client: httpx.Client) -> None:
        self._kind, self._client = kind, client
        self._place = f"{kind} at {client.base_url}".rstrip("/")

    @property
    def path(self) -> str:
        """Below which path of its host the API is."""
        return self._client.base_url.path

    def ask(
        self, method: str, path: str, *, query: Mapping[str, str | int] | None = None, body: Mapping[str, str] | None = None
    ) -> Any:
        """The content of the answer."""
        return self._content(self._answer(method, path, query or {}, body), method, path)

    def pages(self, path: str, query: Mapping[str, str | int]) -> Iterator[Any]:
        """The contents of all pages, one after the other; 50 at most."""
        page = "1"
        for _ in range(MOST_PAGES):
            response = self._answer("GET", path, {**query, "page": page}, None)
            yield self._content(response, "GET", path)
            # Only the number is taken from the link: behind a proxy it may name another host, which the token is not for.
            following = response.links.get("next", {}).get("url", "")
            page = httpx.QueryParams(following.partition("?")[2]).get("page", "")
            if not page:
                return

    def _answer(self, method: str, path: str, query: Mapping[str, str | int], body: Mapping[str, str] | None) -> httpx.Response:
        try:
            response = self._client.request(method, path, params=dict(query), json=None if body is None else dict(body))
        except httpx.HTTPError as error:
            raise Transient(f"{self._place} did not answer ({type(error).__name__})") from None
        self._require_success(response, method, path)
        return response

    def _require_success(self, response: httpx.Response, method: str, path: str) -> None:
        status, asked = response.status_code, f"{method} {path}"
        if response.is_success:
            return
        said = self._words(response)
        limited = response.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in response.headers
        if status == HTTPStatus.TOO_MANY_REQUESTS or (
            status == HTTPStatus.FORBIDDEN and (limited or "rate limit" in said.lower())
        ):
            raise Limited(f"{self._place} was asked too often", _pause(response.headers))
        if status == HTTPStatus.UNAUTHORIZED:
            raise Denied(f"{self._place} does not accept the token: put a valid one into Vault, at webhook.forges.{self._kind}")
        if status == HTTPStatus.FORBIDDEN:
            raise Denied(f"{self._place} does not allow the token {asked}{said}: give it what docs/webhook.md names")
        if status == HTTPStatus.NOT_FOUND:
            raise Refused(f"{self._place} has no {path}, or the token may not see it")
        if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Transient(f"{self._place} answered {status} to {asked}")
        if response.is_redirect:
            raise Refused(f"{self._place} answered {asked} with a redirect: is the repository called differently now?")
        raise Refused(f"{self._place} refused {asked} with {status}{said}")

    def _content(self, response: httpx.Response, method: str, path: str) -> Any:
        try:
            return response.json()
        except ValueError:
            # Such as a proxy's own page; what stands in it is nobody's business.
            raise Refused(f"{self._place} answered {method} {path} with no JSON: is it the address of its API?") from None

    def _words(self, response: httpx.Response) -> str:
        try:
            content = response.json()
        except ValueError:
            return ""
        told = content if isinstance(content, dict) else {}
        parts = [told.get("message") or told.get("error"), told.get("errors")]
        said = " ".join(" ".join(str(part) for part in parts if part).split())
        for secret in (self._client.headers.get(name, "") for name in ("authorization", "private-token")):
            said = said.replace(secret.rpartition(" ")[2] or "\0", "********")
        return f" ({said[:_LONGEST]})" if said else ""


@contextmanager
def connected(kind: Forge, address: str, headers: Mapping[str, str]) -> Iterator[Wire]:
    """The wire to the API at that address; the headers hold the token."""
    if not all(value.isascii() and value.isprintable() and value.split(" ")[-1] for value in headers.values()):
        raise Denied(f"what Vault holds for {kind} is no token: put one there, at webhook.forges.{kind}")
    named = {"User-Agent": f"pratique/{__version__}", **headers}
    with httpx.Client(base_url=address, headers=named, timeout=TIMEOUT, verify=trusting()) as client:
        yield Wire(kind, client)


def _pause(headers: Mapping[str, str]) -> timedelta:
    """When to ask again: RFC 9110's `Retry-After`, or the second at which GitHub or GitLab count anew."""
    now = datetime.now(UTC)
    pause = _PAUSE
    try:
        if after := headers.get("retry-after"):
            pause = timedelta(seconds=int(after)) if after.isdigit() else parsedate_to_datetime(after) - now
        elif reset := headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset"):
            pause = datetime.fromtimestamp(int(reset), UTC) - now
    except (ValueError, OverflowError, OSError, TypeError):
        return _PAUSE
    return min(max(pause, timedelta(seconds=1)), _LONGEST_PAUSE)
