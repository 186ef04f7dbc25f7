"""Evidence signed with a key that stays where it is, such as in Vault's transit engine."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec

from pratique.clients.ports import SigningKeys
from pratique.clients.sigstore.bundle import write_key_bundle
from pratique.clients.sigstore.free_text import without_secrets
from pratique.clients.sigstore.keys import SignersKey, read_keys
from pratique.decisions.dsse import pre_authentication_encoding
from pratique.errors import Invalid, Refused
from pratique.values.evidence import PAYLOAD_TYPE, Statement


class KeyEvidenceSigner:
    """Signs with the newest version of one key; ECDSA P-256, which is what the port's `sign` promises."""

    def __init__(self, keys: SigningKeys, name: str) -> None:
        self._keys = keys
        self._name = name

    def sign(self, statement: Statement) -> bytes:
        """A bundle that `cosign verify-attestation --key … --insecure-ignore-tlog` accepts; it holds no log entry."""
        # The version is pinned: a rotation between the two calls would give a signature that the hint does not name.
        version, pem = self._keys.public_key(self._name)
        place = f"signing key {self._name}, version {version}"
        key = _p256(pem, place)
        payload = without_secrets(statement).payload()
        message = pre_authentication_encoding(PAYLOAD_TYPE, payload)
        signature = self._keys.sign(self._name, version, message)
        if not key.signed(signature, message):
            raise Refused(f"{place}: what it signed does not verify with its own public key; nothing was published")
        return write_key_bundle(payload, signature, key.hint)


def _p256(pem: str, place: str) -> SignersKey:
    key, *others = read_keys(pem.encode(), place)
    if others or not isinstance(key.key, ec.EllipticCurvePublicKey) or key.key.curve.name != "secp256r1":
        raise Invalid(place, "is no ECDSA P-256 key", "create it as `ecdsa-p256`")
    return key
