"""A timestamp authority (RFC 3161): `openssl ts`, so that at least this part is another hand's work."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.services._private_sigstore.certificates import Authority

# No `certs`: OpenSSL would write them unsorted, which the strict reader below sigstore-python refuses.
CONFIGURATION = """
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/certificate.pem
signer_key = {folder}/key.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.57264.2
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class TimestampAuthority:
    def __init__(self, folder: Path, authority: Authority) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._lock = Lock()
        key = authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "key.pem").write_bytes(key)
        (folder / "certificate.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
        (folder / "serial").write_text("01")
        (folder / "configuration").write_text(CONFIGURATION.format(folder=folder))

    def timestamp(self, _headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """Answer `POST /api/v1/timestamp`."""
        query, reply = self._folder / "query", self._folder / "reply"
        command = ["openssl", "ts", "-reply", "-queryfile", query, "-config", self._folder / "configuration", "-out", reply]
        with self._lock:
            query.write_bytes(body)
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            return (201, reply.read_bytes()) if run.returncode == 0 else (500, {"message": run.stderr})
