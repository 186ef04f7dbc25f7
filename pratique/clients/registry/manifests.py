"""Manifests: found by digest or tag, verified, put."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

from pratique.clients.ports import StoredManifest
from pratique.clients.registry.documents import ACCEPTED
from pratique.clients.registry.names import keeping_tag
from pratique.clients.registry.purpose import Purpose
from pratique.clients.registry.wire import DOCUMENT_LIMIT, MIB, Answer, Wire
from pratique.errors import Refused
from pratique.values.digest import DIGEST_PATTERN, Digest, digest_of

_FOUND = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)


class Manifests:
    """The manifests of one registry."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get(self, repository: str, reference: str) -> StoredManifest | None:
        """The manifest of that digest or tag; refused where its content has another digest than was asked for or told."""
        answer = self._ask("GET", repository, reference)
        if answer is None:
            return None
        digest = digest_of(answer.content)
        for expected in (reference, _told(answer)):
            if expected is not None and re.match(DIGEST_PATTERN, expected) and expected != digest:
                raise Refused(f"{self._wire.address}/{repository}: the registry returned other content than {expected}")
        return StoredManifest(digest=digest, media_type=self._media_type(repository, answer), content=answer.content)

    def digest(self, repository: str, reference: str) -> Digest | None:
        """The digest of the manifest, told by the registry or computed; None where there is none."""
        answer = self._ask("HEAD", repository, reference)
        if answer is None:
            return None
        if told := _told(answer):
            return told
        found = self.get(repository, reference)
        return found.digest if found else None

    def is_kept(self, repository: str, digest: Digest) -> bool:
        """Whether the manifest is there, under the tag that keeps it."""
        return self.digest(repository, keeping_tag(digest)) == digest

    def keep(self, repository: str, content: bytes, media_type: str) -> Answer:
        """As `put`, under the tag that keeps it."""
        return self.put(repository, keeping_tag(digest_of(content)), content, media_type)

    def put(self, repository: str, reference: str, content: bytes, media_type: str) -> Answer:
        """The registry's answer, once it has taken the manifest as what it is."""
        if len(content) > DOCUMENT_LIMIT:
            raise Refused(f"{repository}: a manifest of more than {DOCUMENT_LIMIT // MIB} MiB is taken by no registry")
        answer = self._wire.send(
            Purpose(f"pushing the manifest {reference}", repository, write=True),
            "PUT",
            _path(repository, reference),
            hoped_for=(HTTPStatus.CREATED, HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT),
            headers={"Content-Type": media_type},
            content=content,
        )
        told = _told(answer)
        if told is not None and told != digest_of(content):
            raise Refused(f"{self._wire.address}/{repository}: the registry stored {told} instead of {digest_of(content)}")
        return answer

    def _ask(self, method: str, repository: str, reference: str) -> Answer | None:
        purpose = Purpose(f"reading the manifest {reference}", repository)
        headers = {"Accept": ", ".join(ACCEPTED)}
        answer = self._wire.send(purpose, method, _path(repository, reference), hoped_for=_FOUND, headers=headers)
        return answer if answer.status == HTTPStatus.OK else None

    def _media_type(self, repository: str, answer: Answer) -> str:
        """As the manifest itself says, which its digest covers, or else the registry."""
        try:
            said = json.loads(answer.content).get("mediaType")
        except (ValueError, AttributeError, RecursionError):
            raise Refused(f"{self._wire.address}/{repository}: what the registry returned is no manifest") from None
        header: str = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return said if isinstance(said, str) and said else header


def _told(answer: Answer) -> Digest | None:
    """The digest that a header tells, if it is a sha256 one."""
    told = answer.headers.get("Docker-Content-Digest", "")
    return told if re.fullmatch(DIGEST_PATTERN, told) else None


def _path(repository: str, reference: str) -> str:
    return f"/v2/{repository}/manifests/{reference}"
