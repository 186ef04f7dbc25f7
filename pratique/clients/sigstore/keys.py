"""Public keys of signers: read from PEM, named by their hint, verifying as cosign does for each kind of key."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from pratique.errors import Invalid
from pratique.values.trust import TrustedKey

_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)

# The hash that Sigstore's algorithm registry pairs with each curve.
_CURVES: dict[str, type[hashes.HashAlgorithm]] = {"secp256r1": hashes.SHA256, "secp384r1": hashes.SHA384}


@dataclass(frozen=True, slots=True)
class SignersKey:
    """One public key, and the hint under which a bundle names it."""

    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    hint: str
    """base64 of the sha256 of the DER SubjectPublicKeyInfo, which is what cosign writes."""

    def signed(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made the signature over the message."""
        try:
            if isinstance(self.key, ec.EllipticCurvePublicKey):
                self.key.verify(signature, message, ec.ECDSA(_CURVES[self.key.curve.name]()))
            else:
                self.key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def signed_digest(self, signature: bytes, digest: bytes) -> bool:
        """Whether this key made the signature over what has that digest, by the hash called `hash_name`."""
        if not isinstance(self.key, ec.EllipticCurvePublicKey):
            return False
        try:
            self.key.verify(signature, digest, ec.ECDSA(Prehashed(_CURVES[self.key.curve.name]())))
        except InvalidSignature:
            return False
        return True

    @property
    def hash_name(self) -> str:
        """The hash that its signatures are over; empty for Ed25519, which signs the message itself."""
        return _CURVES[self.key.curve.name]().name if isinstance(self.key, ec.EllipticCurvePublicKey) else ""


def read_keys(pem: bytes, place: str) -> tuple[SignersKey, ...]:
    """Every public key in the PEM text found at `place`; `Invalid` where there is none, or one that is not supported."""
    blocks = [found[0] for found in _BLOCK.finditer(pem)]
    if not blocks:
        raise Invalid(place, "holds no PEM block", "write a public key as `-----BEGIN PUBLIC KEY-----`")
    return tuple(_read_key(block, place) for block in blocks)


def trusted_keys(trusted: TrustedKey) -> tuple[SignersKey, ...]:
    """The keys that a trusted signer may sign with; `Invalid` where they cannot be told."""
    if bool(trusted.pem) == (trusted.file is not None):
        raise Invalid("trusted key", "gives both `pem` and `file`, or neither", "give exactly one of them")
    if trusted.file is None:
        return read_keys(trusted.pem.encode(errors="replace"), "trusted key")
    place = f"trusted key {trusted.file}"
    try:
        pem = trusted.file.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Invalid(place, f"cannot be read: {reason}", "name a file that holds the public key as PEM") from None
    return read_keys(pem, place)


def _read_key(block: bytes, place: str) -> SignersKey:
    remedy = "use an ECDSA P-256, ECDSA P-384 or Ed25519 public key"
    try:
        key = load_pem_public_key(block)
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(place, "holds a PEM block that is no public key", remedy) from None
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise Invalid(place, f"holds a public key of an unsupported kind, {type(key).__name__}", remedy)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _CURVES:
        raise Invalid(place, f"holds a public key on an unsupported curve, {key.curve.name}", remedy)
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SignersKey(key, base64.b64encode(hashlib.sha256(der).digest()).decode())
