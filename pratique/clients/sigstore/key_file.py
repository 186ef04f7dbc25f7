"""A signing key in a file: a person's own, where they have no Vault and no identity provider."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from pratique.errors import Invalid

_REMEDY = "make one with `pratique keygen`"


class KeyFile:
    """Keeps the port `SigningKeys`; the file holds one ECDSA P-256 key as PKCS #8 PEM, encrypted or not."""

    def __init__(self, file: Path, password: Callable[[], str]) -> None:
        """Sign with the key in `file`; `password` is asked only where it is encrypted."""
        self._file, self._password = file, password

    def public_key(self, name: str, version: int | None = None) -> tuple[int, str]:  # noqa: ARG002  # a file has one version
        """Version 1, and its public key as PEM."""
        pem = self._read().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return 1, pem.decode()

    def sign(self, name: str, version: int, message: bytes) -> bytes:  # noqa: ARG002  # a file has one version
        """The ASN.1 DER ECDSA signature over the sha256 of `message`."""
        return self._read().sign(message, ec.ECDSA(hashes.SHA256()))

    def _read(self) -> ec.EllipticCurvePrivateKey:
        try:
            content = self._file.read_bytes()
        except OSError as error:
            raise Invalid(str(self._file), f"the key cannot be read: {error.strerror}", _REMEDY) from None
        password = self._password().encode() if b"ENCRYPTED" in content else None
        try:
            key = load_pem_private_key(content, password)
        except (ValueError, TypeError):
            raise Invalid(str(self._file), "holds no private key that this password opens", _REMEDY) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise Invalid(str(self._file), "holds no ECDSA P-256 key", _REMEDY)
        return key


def make_key_file(file: Path, password: str) -> str:
    """The public key, as PEM, of a new key that `file` holds for its owner alone; encrypted unless `password` is empty."""
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Invalid(str(file), "is there already, and a key is not overwritten", "name another file") from None
    with os.fdopen(handle, "wb") as opened:
        opened.write(content)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
