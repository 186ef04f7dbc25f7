"""Evidence without Sigstore: a signer and a verifier whose seal anyone could forge."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

from pratique.decisions.dsse import pre_authentication_encoding, read_statement
from pratique.errors import Invalid, Refused
from pratique.values.digest import digest_of
from pratique.values.evidence import BUNDLE_TYPE, PAYLOAD_TYPE, KeySigner, Statement, VerifiedStatement
from pratique.values.trust import Trusted, TrustedKey


class FakeEvidenceSigner:
    """`EvidenceSigner`: seals statements with the signer's name instead of a key."""

    def __init__(self, name: str) -> None:
        self.trusted = TrustedKey(pem=f"fake:{name}")
        """What an environment trusts to trust this signer."""

    def sign(self, statement: Statement) -> bytes:
        payload = statement.payload()
        seal = {"sig": _base64(_seal(self.trusted, payload))}
        return json.dumps(
            {
                "mediaType": BUNDLE_TYPE,
                "verificationMaterial": {"publicKey": {"hint": self.trusted.pem}, "tlogEntries": []},
                "dsseEnvelope": {"payload": _base64(payload), "payloadType": PAYLOAD_TYPE, "signatures": [seal]},
            }
        ).encode()


class FakeEvidenceVerifier:
    """`EvidenceVerifier` for what `FakeEvidenceSigner` seals."""

    def verify(self, bundle: bytes, trusted: Sequence[Trusted]) -> VerifiedStatement:
        try:
            envelope = json.loads(bundle)["dsseEnvelope"]
            payload = base64.b64decode(envelope["payload"], validate=True)
            seal = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Invalid(f"bundle {digest_of(bundle)}", f"cannot be read: {type(error).__name__}") from None
        for signer in trusted:
            if isinstance(signer, TrustedKey) and seal == _seal(signer, payload):
                found = KeySigner(hint=signer.pem)
                return VerifiedStatement(statement=read_statement(payload), signer=found, bundle=digest_of(bundle))
        raise Refused(f"bundle {digest_of(bundle)} is not signed by anyone trusted", *(f"{signer}: no" for signer in trusted))


def _seal(signer: TrustedKey, payload: bytes) -> bytes:
    return hashlib.sha256(signer.pem.encode() + pre_authentication_encoding(PAYLOAD_TYPE, payload)).digest()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
