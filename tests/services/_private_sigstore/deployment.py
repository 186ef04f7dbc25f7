"""A private Sigstore deployment on loopback: Fulcio, Rekor v1 and v2, a timestamp authority, an identity provider.

It is a stand-in for the real services, made for tests: its keys live as long as the process.
What it signs is verified by sigstore-python and by cosign, which signs with it too; neither is ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

from tests.services._private_sigstore import certificates, trust
from tests.services._private_sigstore.fulcio import Fulcio
from tests.services._private_sigstore.rekor import Rekor
from tests.services._private_sigstore.timestamps import TimestampAuthority
from tests.services._private_sigstore.tokens import TokenIssuer

Answer = Callable[[Mapping[str, str], bytes], tuple[int, Any]]

FULCIO, REKOR_V1, REKOR_V2, TIMESTAMP, KEYS = (
    "/api/v2/signingCert",
    "/api/v1/log/entries",
    "/api/v2/log/entries",
    "/api/v1/timestamp",
    "/identity/keys",
)


class PrivateSigstore:
    def __init__(self, folder: Path) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._thread = Thread(target=self._server.serve_forever, name="private-sigstore", daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.issuer = TokenIssuer()
        self.issuer.url = f"{self.url}/identity"
        self.root = certificates.root("root", depth=1)
        self.authority = certificates.intermediate("intermediate", self.root)
        self.timestamp_root = certificates.root("timestamp-root", depth=0)
        self.timestamper = certificates.timestamper("timestamp", self.timestamp_root)
        self.fulcio = Fulcio(self.root, self.authority)
        self.fulcio.issuers[self.issuer.url] = f"{self.url}{KEYS}"
        self.rekor = Rekor("127.0.0.1")
        self.answers: dict[str, Answer] = {
            FULCIO: self.fulcio.certify,
            REKOR_V1: self.rekor.log_v1,
            REKOR_V2: self.rekor.log_v2,
            TIMESTAMP: TimestampAuthority(folder / "timestamps", self.timestamper).timestamp,
            KEYS: lambda _headers, _body: (200, self.issuer.keys()),
        }
        """A test may put another answer in, and takes it out again."""
        self._server.answers = self.answers
        self.trusted_root = folder / "trusted_root.json"
        self.trusted_root.write_text(json.dumps(trust.trusted_root(self)))
        self.configurations = {
            name: self._write(folder / f"{name}.json", rekor=rekor, timestamps=timestamps)
            for name, rekor, timestamps in (("v1", 1, False), ("v1-timestamp", 1, True), ("v2-timestamp", 2, True))
        }
        """Client trust configurations, by the version of Rekor and whether there is a timestamp authority."""
        self.signing_configurations = {
            name: self._write_signing(folder / f"signing-{name}.json", file) for name, file in self.configurations.items()
        }
        """Their second halves alone, which is how cosign wants them."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _write_signing(self, file: Path, configuration: Path) -> Path:
        file.write_text(json.dumps(json.loads(configuration.read_text())["signingConfig"]))
        return file

    def _write(self, file: Path, *, rekor: int, timestamps: bool) -> Path:
        file.write_text(json.dumps(trust.client_trust_config(self, rekor=rekor, timestamps=timestamps)))
        return file


class _Server(ThreadingHTTPServer):
    answers: Mapping[str, Answer]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def log_message(self, *_: object) -> None:
        """Say nothing: a test that fails shows the client's side."""

    def _answer(self, body: bytes) -> None:
        answer = self.server.answers.get(self.path)
        status, content = answer(dict(self.headers), body) if answer else (404, {"message": "not found"})
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = "application/timestamp-reply" if isinstance(content, bytes) else "application/json"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        if self.path == REKOR_V1 and isinstance(content, dict):
            # The entry's name, without which Rekor's client in Go does not find it in the answer.
            self.send_header("ETag", next(iter(content), ""))
        self.end_headers()
        self.wfile.write(raw)
