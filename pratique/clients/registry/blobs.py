"""Blobs: looked for, read into memory, sent, and mounted from one repository into another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx

from pratique.clients.registry.purpose import Purpose
from pratique.clients.registry.wire import MIB, Answer, Wire
from pratique.errors import Invalid, Refused, Transient
from pratique.values.digest import Digest, digest_of

BLOB_LIMIT = 64 * MIB
"""The largest blob that is read into memory."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file's content, in pieces and from its beginning each time: a request whose login has run out is sent again."""

    file: Path

    def __iter__(self) -> Iterator[bytes]:
        with self.file.open("rb") as stream:
            while piece := stream.read(MIB):
                yield piece


def require_file(file: Path, size: int) -> FileContent:
    """The content of a file that is as long as it is said to be."""
    try:
        found = file.stat().st_size
    except OSError as error:
        raise Invalid(str(file), f"cannot be read ({error.strerror})", "export the image again") from None
    if found != size:
        raise Invalid(str(file), f"holds {found} bytes instead of {size}", "export the image again")
    return FileContent(file)


@dataclass(frozen=True, slots=True)
class BlobContent:
    """A blob of another repository, in pieces and from its beginning each time, compared with its digest on the way.

    The last piece is held back until then, so that nothing else is ever sent whole.
    """

    blobs: Blobs
    repository: str
    digest: Digest

    def __iter__(self) -> Iterator[bytes]:
        found, last = hashlib.sha256(), b""
        for piece in self.blobs.pieces(self.repository, self.digest):
            found.update(piece)
            if last:
                yield last
            last = piece
        if f"sha256:{found.hexdigest()}" != self.digest:
            raise Refused(f"{self.repository}: the registry returned other content than {self.digest}")
        yield last


class Blobs:
    """The blobs of one registry."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def has(self, repository: str, digest: Digest, *, before_writing: bool = False) -> bool:
        """Whether the blob is there. Asked `before_writing`, the login is the one that the writing needs."""
        purpose = Purpose(f"looking for the blob {digest}", repository, write=before_writing)
        answer = self._wire.send(purpose, "HEAD", _path(repository, digest), hoped_for=(HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        return answer.status == HTTPStatus.OK

    def read(self, repository: str, digest: Digest) -> bytes:
        """The blob, verified; refused where there is none, or one larger than `BLOB_LIMIT`."""
        purpose = Purpose(f"reading the blob {digest}", repository)
        content = self._wire.send(purpose, "GET", _path(repository, digest), limit=BLOB_LIMIT).content
        if digest_of(content) != digest:
            raise Refused(f"{self._wire.address}/{repository}: the registry returned other content than {digest}")
        return content

    def pieces(self, repository: str, digest: Digest) -> Iterator[bytes]:
        """The blob in pieces, not verified: whoever takes it compares the digest, as a registry does."""
        return self._wire.pieces(Purpose(f"reading the blob {digest}", repository), _path(repository, digest))

    def ensure(self, repository: str, digest: Digest, size: int, content: bytes | Iterable[bytes]) -> bool:
        """Whether the blob had to be sent."""
        if self.has(repository, digest, before_writing=True):
            return False
        purpose = Purpose(f"pushing the blob {digest}", repository, write=True)
        opened = self._wire.send(purpose, "POST", _uploads(repository), hoped_for=(HTTPStatus.ACCEPTED,), content=b"")
        self.finish(purpose, opened, digest, size, content)
        return True

    def mount(self, source: str, digest: Digest, target: str) -> tuple[Purpose, Answer] | None:
        """None where the blob is in `target` now, no byte of it moved; otherwise the upload that was opened instead."""
        purpose = Purpose(f"mounting the blob {digest} of {source}", target, write=True, source=source)
        query = httpx.QueryParams({"mount": digest, "from": source})
        hoped_for = (HTTPStatus.CREATED, HTTPStatus.ACCEPTED)
        answer = self._wire.send(purpose, "POST", f"{_uploads(target)}?{query}", hoped_for=hoped_for, content=b"")
        return None if answer.status == HTTPStatus.CREATED else (purpose, answer)

    def finish(self, purpose: Purpose, opened: Answer, digest: Digest, size: int, content: bytes | Iterable[bytes]) -> None:
        """Send the content to an opened upload, in one request."""
        url = self._wire.absolute(purpose, opened, opened.headers.get("Location", ""))
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        hoped_for = (HTTPStatus.CREATED, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)
        target = url.copy_merge_params({"digest": digest})
        answer = self._wire.send(purpose, "PUT", target, hoped_for=hoped_for, headers=headers, content=content)
        if answer.status == HTTPStatus.NOT_FOUND:
            # A registry that restarts forgets what was begun.
            raise Transient(f"{self._wire.address}: {purpose.doing}: the registry does not know the upload any more")

    def abandon(self, purpose: Purpose, opened: Answer) -> None:
        """Give an opened upload up, so that nothing of it stays in the registry's storage."""
        url = self._wire.absolute(purpose, opened, opened.headers.get("Location", ""))
        # Registries need not offer it, and clear what was given up after a while.
        hoped_for = (HTTPStatus.NO_CONTENT, HTTPStatus.OK, HTTPStatus.ACCEPTED, *_NOT_OFFERED)
        self._wire.send(purpose, "DELETE", url, hoped_for=hoped_for)


_NOT_OFFERED = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.FORBIDDEN)


def _path(repository: str, digest: Digest) -> str:
    return f"/v2/{repository}/blobs/{digest}"


def _uploads(repository: str) -> str:
    return f"/v2/{repository}/blobs/uploads/"
