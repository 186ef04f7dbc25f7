"""Lists that a registry gives page by page: the tags of a repository, and its repositories.

Format: the distribution specification 1.1, section "Listing Tags". The list of repositories is no part of it, though most
registries have it (distribution.github.io/distribution/spec/api, section "Listing Repositories").
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus

import httpx

from pratique.clients.registry.purpose import Purpose
from pratique.clients.registry.wire import Wire
from pratique.errors import Refused

MOST = 1_000_000
"""Names of one list that are taken."""

NEXT_PAGE = re.compile(r'<([^<>]*)>[^,]*;\s*rel="?next\b')
"""RFC 8288's `Link` header, as far as the distribution specification uses it."""

_HOPED_FOR = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)


class Lists:
    """The lists of one registry."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def tags(self, repository: str) -> list[str]:
        """Every tag of the repository; none where there is no such repository."""
        purpose = Purpose(f"listing the tags of {repository}", repository)
        return self._all(purpose, f"/v2/{repository}/tags/list", "tags") or []

    def repositories(self) -> list[str]:
        """Every repository; refused where the registry does not tell."""
        purpose = Purpose("listing the repositories", "")
        found = self._all(purpose, "/v2/_catalog", "repositories")
        if found is None:
            raise Refused(f"{self._wire.address} does not list its repositories: name what is looked for")
        return found

    def _all(self, purpose: Purpose, target: str | httpx.URL, key: str) -> list[str] | None:
        names: dict[str, None] = {}
        while True:
            before = len(names)
            answer = self._wire.send(purpose, "GET", target, hoped_for=_HOPED_FOR)
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            names |= dict.fromkeys(self._names(purpose, answer.content, key))
            following = NEXT_PAGE.search(answer.headers.get("Link", ""))
            if following is None:
                return list(names)
            # A page that brings nothing new would be followed by others of its kind for ever.
            if len(names) == before or len(names) > MOST:
                raise Refused(f"{self._wire.address}: {purpose.doing}: the list does not end")
            target = self._wire.absolute(purpose, answer, following[1])

    def _names(self, purpose: Purpose, content: bytes, key: str) -> list[str]:
        try:
            # Registries written in Go say null where there is none.
            found = json.loads(content)[key]
            names = [] if found is None else found
        except (ValueError, KeyError, TypeError, RecursionError):
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Refused(f"{self._wire.address}: {purpose.doing}: the registry's list is malformed")
        return names
