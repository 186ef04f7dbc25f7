"""How the stand-in writes bytes: base64, DER, and the two names of a key."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ECDSA = ec.ECDSA(hashes.SHA256())


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def spki(key: PublicKeyTypes) -> bytes:
    """The DER SubjectPublicKeyInfo of a key."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: PublicKeyTypes) -> bytes:
    """What logs name a key by (RFC 6962, section 3.2)."""
    return sha256(spki(key))


def der(tag: int, content: bytes) -> bytes:
    """One DER value, its length in the short or the long form (X.690, section 8.1.3)."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
