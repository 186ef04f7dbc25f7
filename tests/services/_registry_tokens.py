"""A token service for registries: checks a password, and grants what was asked for as a signed token.

The protocol: distribution.github.io/distribution/spec/auth/jwt, which the registry under test implements itself.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

SERVICE = "registry.test"
ISSUER = "tokens.test"


class TokenService:
    """The service on loopback: the user may do everything, anybody may pull what is below `public/`."""

    def __init__(self, user: str, password: str) -> None:
        self._basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._certificate = certificate_of(self._key)
        self.lifetime = timedelta(minutes=5)
        self.granted: list[list[str]] = []
        """The scopes of each token, as they were asked for."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True

    @property
    def realm(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/token"

    def configuration(self, folder: Path) -> dict[str, Any]:
        """The `auth` section of a registry that trusts this service."""
        bundle = folder / "token-certificates.pem"
        bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        return {"token": {"realm": self.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(bundle)}}

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def accepts(self, authorization: str | None) -> bool:
        return secrets.compare_digest(authorization or "", self._basic)

    def token(self, scopes: list[str], *, known: bool) -> str:
        """Whatever is asked for, to who is known; pulling from `public/`, to anybody."""
        self.granted.append(scopes)
        now = int(time.time())
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            allowed = (
                actions.split(",") if known else [a for a in actions.split(",") if a == "pull" and name.startswith("public/")]
            )
            access.append({"type": kind, "name": name, "actions": allowed})
        claims = {
            "iss": ISSUER,
            "sub": "user" if known else "",
            "aud": SERVICE,
            "exp": now + int(self.lifetime.total_seconds()),
            # The registry allows for a minute of difference between clocks, at the end of a token too.
            "nbf": now - 60,
            "iat": now,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        chain = [base64.b64encode(self._certificate.public_bytes(serialization.Encoding.DER)).decode()]
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"x5c": chain})


def _handler_of(service: TokenService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorization = self.headers.get("Authorization")
            known = service.accepts(authorization)
            query = parse_qs(urlsplit(self.path).query)
            if authorization and not known:
                status, body = 401, json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": "wrong user name or password"}]})
            else:
                status, body = 200, json.dumps({"token": service.token(query.get("scope", []), known=known)})
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    return Handler


def certificate_of(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
