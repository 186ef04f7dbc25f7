"""Rekor: a log of signatures, by both versions of its API, that verifies each before it takes it in.

Entry types: `dsse` and `hashedrekord` 0.0.1 (github.com/sigstore/rekor), `hashedrekord` 0.0.2 (…/rekor-tiles).
Checkpoints: signed notes (c2sp.org/signed-note) over tree heads (c2sp.org/tlog-checkpoint).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from tests.services._private_sigstore.encoding import ECDSA, base64_of, key_id, new_key, sha256
from tests.services._private_sigstore.merkle import Inclusion, MerkleTree, leaf_hash


class Rekor:
    def __init__(self, host: str) -> None:
        self._host = host
        self._first, self._second = MerkleTree(), MerkleTree()
        self.key = new_key()
        self.checkpoint_key = self.key
        """A test may put another one here: a log that signs its tree with a key that nobody trusts."""

    def log_v1(self, _headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """Answer `POST /api/v1/log/entries`."""
        proposed = json.loads(body)
        try:
            spec = _envelope_v1(proposed["spec"]) if proposed["kind"] == "dsse" else _artifact_v1(proposed["spec"])
        except InvalidSignature:
            return 400, {"code": 400, "message": "verifying signature failed"}
        entry = rfc8785.dumps({"apiVersion": "0.0.1", "kind": proposed["kind"], "spec": spec})
        return 201, {leaf_hash(entry).hex(): self._entry_v1(entry, self._first.append(entry))}

    def log_v2(self, _headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """Answer `POST /api/v2/log/entries`."""
        request = json.loads(body)["hashedRekordRequestV002"]
        key = _key_v2(request["signature"]["verifier"])
        digest, signature = base64.b64decode(request["digest"]), base64.b64decode(request["signature"]["content"])
        try:
            key.verify(signature, digest, ec.ECDSA(Prehashed(_hash_of(key))))
        except InvalidSignature:
            return 400, {"code": 3, "message": "invalid signature"}
        data = {"algorithm": _hash_of(key).name.upper().replace("SHA", "SHA2_"), "digest": request["digest"]}
        spec = {"hashedRekordV002": {"data": data, "signature": request["signature"]}}
        entry = rfc8785.dumps({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec})
        found = self._second.append(entry)
        proof = {
            "logIndex": str(found.index),
            "rootHash": base64_of(found.root),
            "treeSize": str(found.size),
            "hashes": [base64_of(node) for node in found.path],
            "checkpoint": {"envelope": self._checkpoint(self._host, found)},
        }
        return 201, {
            "logIndex": str(found.index),
            "logId": {"keyId": base64_of(self._id)},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "inclusionProof": proof,
            "canonicalizedBody": base64_of(entry),
        }

    @property
    def _id(self) -> bytes:
        return key_id(self.key.public_key())

    def _entry_v1(self, entry: bytes, found: Inclusion) -> dict[str, Any]:
        promised = {
            "body": base64_of(entry),
            "integratedTime": int(datetime.now(UTC).timestamp()),
            "logID": self._id.hex(),
            "logIndex": found.index,
        }
        proof = {
            "logIndex": found.index,
            "treeSize": found.size,
            "rootHash": found.root.hex(),
            "hashes": [node.hex() for node in found.path],
            "checkpoint": self._checkpoint(f"{self._host} - 1", found),
        }
        promise = base64_of(self.key.sign(rfc8785.dumps(promised), ECDSA))
        return promised | {"verification": {"signedEntryTimestamp": promise, "inclusionProof": proof}}

    def _checkpoint(self, origin: str, found: Inclusion) -> str:
        note = f"{origin}\n{found.size}\n{base64_of(found.root)}\n"
        signature = self.checkpoint_key.sign(note.encode(), ECDSA)
        # The first four bytes hint at the key; the name is the log's host without its port.
        return f"{note}\n— {self._host} {base64_of(self._id[:4] + signature)}\n"


def _envelope_v1(spec: Mapping[str, Any]) -> dict[str, Any]:
    proposed = spec["proposedContent"]
    envelope, verifier = json.loads(proposed["envelope"]), proposed["verifiers"][0]
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    key = _key(base64.b64decode(verifier))
    for signature in envelope["signatures"]:
        key.verify(base64.b64decode(signature["sig"]), message, ec.ECDSA(_hash_of(key)))
    return {
        "envelopeHash": _hash(proposed["envelope"].encode()),
        "payloadHash": _hash(payload),
        "signatures": [{"signature": signature["sig"], "verifier": verifier} for signature in envelope["signatures"]],
    }


def _artifact_v1(spec: Mapping[str, Any]) -> dict[str, Any]:
    hashed, signature = spec["data"]["hash"], spec["signature"]
    key = _key(base64.b64decode(signature["publicKey"]["content"]))
    key.verify(base64.b64decode(signature["content"]), bytes.fromhex(hashed["value"]), ec.ECDSA(Prehashed(_hash_of(key))))
    return {"data": {"hash": hashed}, "signature": signature}


def _key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """Of a certificate, or of somebody who signs with a key of their own."""
    certified = pem.startswith(b"-----BEGIN CERTIFICATE-----")
    key = x509.load_pem_x509_certificate(pem).public_key() if certified else load_pem_public_key(pem)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def _key_v2(verifier: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    if "x509Certificate" in verifier:
        raw = base64.b64decode(verifier["x509Certificate"]["rawBytes"])
        key = x509.load_der_x509_certificate(raw).public_key()
    else:
        key = load_der_public_key(base64.b64decode(verifier["publicKey"]["rawBytes"]))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def _hash_of(key: ec.EllipticCurvePublicKey) -> hashes.HashAlgorithm:
    """The hash that Sigstore's algorithm registry pairs with the key's curve."""
    return hashes.SHA384() if key.curve.name == "secp384r1" else hashes.SHA256()


def _hash(content: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": sha256(content).hex()}
