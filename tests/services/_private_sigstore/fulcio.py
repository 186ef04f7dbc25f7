"""Fulcio: a short-lived certificate for whoever shows an identity token and holds the key, logged beforehand.

Profile: github.com/sigstore/fulcio/blob/main/docs/certificate-specification.md; embedded SCT: RFC 6962, sections 3.2 and 3.3.
"""

from __future__ import annotations

import base64
import json
import struct
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from tests.services._private_sigstore.certificates import Authority, key_usage
from tests.services._private_sigstore.encoding import ECDSA, der, key_id, new_key

ISSUER_V1 = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
ISSUER_V2 = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
SCT_LIST = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
OCTET_STRING, UTF8_STRING = 0x04, 0x0C


class Fulcio:
    def __init__(self, root: Authority, authority: Authority) -> None:
        self._root = root
        self._authority = authority
        self.issuers: dict[str, str] = {}
        """The identity providers whose tokens are taken, and where each publishes its keys."""
        self.log_key = new_key()
        """Of the certificate transparency log."""

    def certify(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """Answer `POST /api/v2/signingCert`."""
        try:
            claims = self._claims(headers.get("Authorization", "").removeprefix("Bearer "))
        except jwt.PyJWTError as error:
            return 401, {"code": 16, "message": f"There was an error processing the identity token: {error}"}
        try:
            key = _proven_key(json.loads(body), claims["email"])
        except InvalidSignature:
            return 400, {"code": 3, "message": "The signature supplied in the request could not be verified"}
        chain = (self._issue(key, claims), self._authority.certificate, self._root.certificate)
        texts = [certificate.public_bytes(Encoding.PEM).decode() for certificate in chain]
        return 200, {"signedCertificateEmbeddedSct": {"chain": {"certificates": texts}}}

    def _claims(self, token: str) -> dict[str, Any]:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
        if issuer not in self.issuers:
            raise jwt.InvalidIssuerError(f"{issuer} is none of the issuers that are trusted")
        with urllib.request.urlopen(self.issuers[issuer], timeout=5) as answer:
            keys = jwt.PyJWKSet.from_dict(json.load(answer))
        key = keys[jwt.get_unverified_header(token).get("kid", "")]
        claims = jwt.decode(token, key.key, algorithms=["ES256", "RS256"], audience="sigstore", issuer=issuer)
        if claims.get("email_verified") is not True:
            raise jwt.InvalidTokenError("email_verified claim was false")
        return claims

    def _issue(self, key: ec.EllipticCurvePublicKey, claims: Mapping[str, Any]) -> x509.Certificate:
        now = datetime.now(UTC)
        issuer = claims["iss"].encode()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._authority.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(seconds=1))
            .not_valid_after(now + timedelta(minutes=10))
            .add_extension(key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority.key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(claims["email"])]), critical=True)
            .add_extension(x509.UnrecognizedExtension(ISSUER_V1, issuer), critical=False)
            .add_extension(x509.UnrecognizedExtension(ISSUER_V2, der(UTF8_STRING, issuer)), critical=False)
        )
        unlogged = builder.sign(self._authority.key, hashes.SHA256())
        promise = x509.UnrecognizedExtension(SCT_LIST, der(OCTET_STRING, self._promises(unlogged)))
        return builder.add_extension(promise, critical=False).sign(self._authority.key, hashes.SHA256())

    def _promises(self, certificate: x509.Certificate) -> bytes:
        """A SignedCertificateTimestampList with the log's one promise to include the certificate."""
        milliseconds = int(datetime.now(UTC).timestamp() * 1000)
        body = certificate.tbs_certificate_bytes
        entry = key_id(self._authority.key.public_key()) + len(body).to_bytes(3, "big") + body
        signed = struct.pack("!BBQH", 0, 0, milliseconds, 1) + entry + struct.pack("!H", 0)
        signature = self.log_key.sign(signed, ECDSA)
        promise = (
            b"\x00"
            + key_id(self.log_key.public_key())
            + struct.pack("!QH", milliseconds, 0)
            + b"\x04\x03"  # SHA-256 with ECDSA
            + struct.pack("!H", len(signature))
            + signature
        )
        return struct.pack("!HH", len(promise) + 2, len(promise)) + promise


def _proven_key(request: Mapping[str, Any], identity: str) -> ec.EllipticCurvePublicKey:
    """The key that the request proves to hold: by signing itself, as Python's client does, or the identity, as cosign does."""
    if "certificateSigningRequest" in request:
        signed = x509.load_pem_x509_csr(base64.b64decode(request["certificateSigningRequest"]))
        if not signed.is_signature_valid:
            raise InvalidSignature
        key = signed.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
    else:
        asked = request["publicKeyRequest"]
        key = load_pem_public_key(asked["publicKey"]["content"].encode())
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(base64.b64decode(asked["proofOfPossession"]), identity.encode(), ECDSA)
    return key
