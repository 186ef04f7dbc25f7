"""Vault behind TLS: whom the CA bundle lets us talk to."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pratique.clients.vault import open_vault
from pratique.errors import Refused, Transient
from pratique.settings import TokenLogin, VaultSettings
from pratique.values.references import SecretReference

PASSWORD = SecretReference.parse("vault:kv/data/hello#password")


class _Sealed(BaseHTTPRequestHandler):
    """As much of a Vault as tells that the connection was made."""

    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"errors": ["Vault is sealed"]}')

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, followed by its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vault.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(encoding))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path / "ca.pem"


@pytest.fixture
def settings(certificate: Path, tmp_path: Path) -> Iterator[VaultSettings]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, tmp_path / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sealed)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    (tmp_path / "token").write_text("token")
    yield VaultSettings(address=f"https://127.0.0.1:{server.server_port}", login=TokenLogin(token_file=tmp_path / "token"))
    server.shutdown()
    thread.join()
    server.server_close()


def read(settings: VaultSettings) -> None:
    with open_vault(settings) as vault:
        vault.read(PASSWORD)


def test_with_its_ca_bundle_it_is_reached(settings: VaultSettings, certificate: Path) -> None:
    with pytest.raises(Transient, match="it is sealed"):
        read(settings.model_copy(update={"ca_bundle": certificate}))


def test_without_its_ca_bundle_it_is_refused_with_the_remedy(settings: VaultSettings) -> None:
    with pytest.raises(Refused, match=r"is not trusted: set vault\.ca_bundle"):
        read(settings)


def test_the_environment_does_not_switch_verification_off(settings: VaultSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_SKIP_VERIFY", "1")
    with pytest.raises(Refused, match="is not trusted"):
        read(settings)


def test_a_ca_bundle_without_a_certificate_is_refused(settings: VaultSettings, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate\n")
    with pytest.raises(Refused, match=r"vault\.ca_bundle"):
        read(settings.model_copy(update={"ca_bundle": tmp_path / "empty.pem"}))
