"""The wire to one registry: requests with a purpose, bounded answers, every error of httpx translated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from pratique import __version__
from pratique.clients.registry.answers import no_answer, unexpected
from pratique.clients.registry.authentication import Login
from pratique.clients.registry.credentials import Credentials
from pratique.clients.registry.names import require_address
from pratique.clients.registry.purpose import Purpose
from pratique.clients.tls import trusting
from pratique.errors import Refused, Transient
from pratique.settings import RegistrySettings

MIB = 1024 * 1024
DOCUMENT_LIMIT = 4 * MIB
"""The largest manifest that the distribution specification asks registries to take."""

_ERROR_LIMIT = 64 * 1024
_TIMEOUT = httpx.Timeout(60, connect=10)
_UPLOAD_TIMEOUT = httpx.Timeout(60, connect=10, read=300)
"""Some registries move a blob to its place before they answer, which takes its time for gigabytes."""

_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the registry answered."""

    status: int
    url: httpx.URL
    headers: httpx.Headers
    content: bytes


class Wire:
    """One registry, reached over one pool of connections; may be used from several threads."""

    def __init__(self, settings: RegistrySettings, credentials: Credentials | None) -> None:
        self.address = require_address(settings.address)
        self.url = httpx.URL(f"{'http' if settings.plain_http else 'https'}://{self.address}")
        self._login = Login(self.url, credentials)
        self._http = httpx.Client(
            # Compressed answers would not have the digest and the size that are checked.
            headers={"Accept-Encoding": "identity", "User-Agent": f"pratique/{__version__}"},
            timeout=_TIMEOUT,
            # A proxy that the environment names has no business between us and a registry on loopback.
            trust_env=not settings.plain_http,
            verify=trusting(),
        )

    def close(self) -> None:
        self._http.close()

    def send(
        self,
        purpose: Purpose,
        method: str,
        target: str | httpx.URL,
        *,
        hoped_for: tuple[int, ...] = (HTTPStatus.OK,),
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
        limit: int = DOCUMENT_LIMIT,
    ) -> Answer:
        """The answer, if its status is one of those hoped for; its content is refused beyond `limit` bytes."""
        try:
            response = self._ask(purpose, method, target, headers or {}, content)
            try:
                hoped = response.status_code in hoped_for
                content = self._read(purpose, response, limit) if hoped else self._words(purpose, response)
                answer = Answer(response.status_code, response.url, response.headers, content)
            finally:
                response.close()
        except _ERRORS as error:
            failure = no_answer(self._place(error), purpose, error)
        else:
            if answer.status in hoped_for:
                return answer
            failure = unexpected(self.address, purpose, answer.status, answer.headers, answer.content)
        raise failure  # outside `except`: what httpx raises holds the request, login included

    def _words(self, purpose: Purpose, response: httpx.Response) -> bytes:
        """What a registry says with a no; nothing where that cannot be read, which must not hide the no."""
        try:
            return self._read(purpose, response, _ERROR_LIMIT)
        except (*_ERRORS, Refused, Transient):
            return b""

    def pieces(self, purpose: Purpose, target: str) -> Iterator[bytes]:
        """The content at `target`, piece by piece, unbounded and unverified."""
        failure: Refused | Transient | None = None
        try:
            response = self._ask(purpose, "GET", target, {}, None)
            try:
                if response.status_code == HTTPStatus.OK:
                    yield from response.iter_raw()
                else:
                    content = self._words(purpose, response)
                    failure = unexpected(self.address, purpose, response.status_code, response.headers, content)
            finally:
                response.close()
        except _ERRORS as error:
            failure = no_answer(self._place(error), purpose, error)
        if failure:
            raise failure

    def absolute(self, purpose: Purpose, answer: Answer, location: str) -> httpx.URL:
        """Where an answer's header points; refused where TLS would be left on the way."""
        try:
            url = answer.url.join(location)
        except httpx.InvalidURL:
            url = httpx.URL("")
        if not location or url.scheme not in ("http", "https"):
            raise Refused(f"{self.address}: {purpose.doing}: the registry's answer says not where to go on")
        if (self.url.scheme, url.scheme) == ("https", "http"):
            raise Refused(
                f"{self.address}: {purpose.doing} would go on without TLS: let the proxy in front of it send X-Forwarded-Proto"
            )
        return url

    def _ask(
        self,
        purpose: Purpose,
        method: str,
        target: str | httpx.URL,
        headers: Mapping[str, str],
        content: bytes | Iterable[bytes] | None,
    ) -> httpx.Response:
        request = self._http.build_request(
            method,
            self.url.join(target),
            headers=dict(headers),
            content=content,
            timeout=_TIMEOUT if content is None else _UPLOAD_TIMEOUT,
        )
        # Blobs are often served from another server's storage; uploads are never redirected.
        follow = method in ("GET", "HEAD")
        return self._http.send(request, auth=self._login.for_purpose(purpose), stream=True, follow_redirects=follow)

    def _read(self, purpose: Purpose, response: httpx.Response, limit: int) -> bytes:
        failed = response.status_code >= HTTPStatus.BAD_REQUEST
        content = bytearray()
        for piece in response.iter_raw():
            content += piece
            if failed and len(content) > _ERROR_LIMIT:
                break
            if len(content) > limit and not failed:
                raise Refused(f"{self.address}: {purpose.doing} would take more than {limit // MIB} MiB into memory: not done")
        return bytes(content)

    def _place(self, error: Exception) -> str:
        """The server that the request went to: after a redirect, or for a token, not the registry itself."""
        try:
            server = error.request.url.netloc if isinstance(error, httpx.HTTPError) else self.url.netloc
        except RuntimeError:  # httpx's way to say that it knows of no request
            server = self.url.netloc
        return self.address if server == self.url.netloc else f"{self.address} (at {server.decode()})"
