"""Referrers: the manifests that name another as their subject, and how they are found again.

A registry with the referrers API lists them itself. For one without, the distribution specification has clients keep an index
under the tag `sha256-<hex>` (section "Referrers Tag Schema"). That index is read, changed and written back, and no
registry offers a conditional write, so writers can undo each other.
Here threads of one process take `turns`; against other processes and machines `Referrers.add` looks again after it wrote.
"""

from __future__ import annotations

import json
import random
import threading
import time
from http import HTTPStatus

import httpx
from pydantic import ValidationError

from pratique.clients.registry.documents import INDEX_TYPE, Descriptor, Pointer, index
from pratique.clients.registry.lists import NEXT_PAGE
from pratique.clients.registry.manifests import Manifests
from pratique.clients.registry.names import referrers_tag
from pratique.clients.registry.purpose import Purpose
from pratique.clients.registry.wire import Wire
from pratique.errors import Refused, Transient
from pratique.values.digest import Digest

MOST = 1000
"""Referrers of one subject that are looked at."""

_ATTEMPTS = 30
_TURNS = tuple(threading.Lock() for _ in range(64))
"""Of each repository, several sharing one: a fixed number needs no clearing away."""

_NO_API = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_ACCEPTABLE)


class Referrers:
    """What refers to manifests of one registry."""

    def __init__(self, wire: Wire, manifests: Manifests) -> None:
        self._wire = wire
        self._manifests = manifests

    def of(self, repository: str, subject: Digest) -> list[Pointer]:
        """Every referrer of `subject` that is listed; more than `MOST` are refused."""
        listed = self._listed(repository, subject)
        if listed is None:
            listed = self._tagged(repository, subject)
        self._require_few(repository, subject, listed)
        pointers = {pointer.digest: pointer for entry in listed if (pointer := _pointer(entry)) is not None}
        return list(pointers.values())

    def turn(self, repository: str) -> threading.Lock:
        """Held while something is attached in `repository`, so that threads of this process do not meet there."""
        return _TURNS[hash((self._wire.address, repository)) % len(_TURNS)]

    def add(self, repository: str, subject: Digest, *referrers: Descriptor) -> None:
        """See to it that `referrers`, which the registry holds already, are listed: without an API, in the tagged index."""
        if self._listed(repository, subject) is not None:
            return
        for attempt in range(_ATTEMPTS):
            started = time.monotonic()
            entries = self._tagged(repository, subject)
            listed = {entry.get("digest") for entry in entries}
            missing = [referrer for referrer in referrers if referrer["digest"] not in listed]
            if not missing:
                return
            self._require_few(repository, subject, [*entries, *missing])
            self._manifests.put(repository, referrers_tag(subject), index([*entries, *missing]), INDEX_TYPE)
            # Another writer that had read before we wrote will undo this, and will have done so when it has had twice as long
            # as we took. Those that met start apart, further each time.
            took = time.monotonic() - started
            time.sleep(2 * took + random.uniform(0, took * min(attempt, 8)))  # noqa: S311  # nothing secret in it
        raise Transient(f"{self._wire.address}/{repository}: other writers keep undoing the listing of {missing[0]['digest']}")

    def _listed(self, repository: str, subject: Digest) -> list[Descriptor] | None:
        """What the referrers API lists, every page; None where the registry has no such API."""
        purpose = Purpose(f"listing what refers to {subject}", repository)
        target: str | httpx.URL = f"/v2/{repository}/referrers/{subject}"
        entries: list[Descriptor] = []
        for _ in range(MOST + 1):
            answer = self._wire.send(
                purpose, "GET", target, hoped_for=(HTTPStatus.OK, *_NO_API), headers={"Accept": INDEX_TYPE}
            )
            if answer.status != HTTPStatus.OK or not answer.headers.get("Content-Type", "").startswith(INDEX_TYPE):
                return None
            entries += self._entries(repository, answer.content)
            self._require_few(repository, subject, entries)
            following = NEXT_PAGE.search(answer.headers.get("Link", ""))
            if following is None:
                return entries
            target = self._wire.absolute(purpose, answer, following[1])
        raise Refused(f"{self._wire.address}/{repository}: the list of what refers to {subject} does not end")

    def _tagged(self, repository: str, subject: Digest) -> list[Descriptor]:
        """What the tagged index lists; nothing where there is none."""
        tag = referrers_tag(subject)
        stored = self._manifests.get(repository, tag)
        if stored is None:
            return []
        if stored.media_type != INDEX_TYPE:
            raise Refused(f"{self._wire.address}/{repository}: the tag {tag} names no index of referrers: remove that tag")
        return self._entries(repository, stored.content)

    def _entries(self, repository: str, content: bytes) -> list[Descriptor]:
        try:
            # Registries written in Go say null where there is none.
            found = json.loads(content)["manifests"]
            entries = [] if found is None else found
        except (ValueError, KeyError, TypeError, RecursionError):
            entries = None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise Refused(f"{self._wire.address}/{repository}: the registry's list of referrers is malformed")
        return entries

    def _require_few(self, repository: str, subject: Digest, entries: list[Descriptor]) -> None:
        if len(entries) > MOST:
            raise Refused(f"{self._wire.address}/{repository}: more than {MOST} manifests refer to {subject}: remove some")


def _pointer(entry: Descriptor) -> Pointer | None:
    try:
        return Pointer.model_validate(entry)
    except ValidationError:
        return None
