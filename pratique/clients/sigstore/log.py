"""Signatures by long-lived keys in transparency logs: an entry is in its log, and is about this very signature.

sigstore-python has this for certificates only, so what an entry says of a key is spelled out here.
Formats: `hashedrekord` and `dsse` 0.0.1 (github.com/sigstore/rekor, `pkg/types`), `hashedrekord` 0.0.2
(github.com/sigstore/rekor-tiles, `api/proto/rekor/v2`), as their logs write them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore.models import TransparencyLogEntry
from sigstore_models.bundle.v1 import VerificationMaterial

from pratique.clients.sigstore.keys import SignersKey
from pratique.clients.sigstore.root import Root
from pratique.decisions.dsse import strict_json
from pratique.errors import Refused


@dataclass(frozen=True)
class KeySignature:
    """A signature by a key, and what it is over, for an entry to be compared with."""

    key: SignersKey
    signature: bytes
    digest: bytes
    """Of what was signed, by the key's own hash; empty where it has none."""
    payload: bytes | None
    """Of the envelope; None where the artifact itself was signed."""

    @classmethod
    def over(cls, message: bytes, key: SignersKey, signature: bytes, payload: bytes | None = None) -> Self:
        """A signature over a message that is at hand."""
        return cls(key, signature, hashlib.new(key.hash_name, message).digest() if key.hash_name else b"", payload)


def require_logged(material: VerificationMaterial, made: KeySignature, root: Root) -> None:
    """Refuse unless there is an entry, and every one is about `made` and in a log of `root` that was valid at the time.

    An entry that is not in the log is sigstore-python's own error.
    """
    if not material.tlog_entries:
        raise Refused("the signature is in no transparency log, and this key's must be")
    entries = [TransparencyLogEntry(entry) for entry in material.tlog_entries]
    logs = root.at(_moments(material, made, root), "tlogs").logs
    for entry in entries:
        # Private, and of the pinned release: inclusion proof, checkpoint, and the promise where there is one.
        entry._verify(logs)  # noqa: SLF001
    for recorded in material.tlog_entries:
        kind = (recorded.kind_version.kind, recorded.kind_version.version)
        if not _may_be_about(made, kind):
            raise Refused(f"a log entry of the type {kind[0][:100]} {kind[1][:20]} is not read for such a signature")
        body = strict_json(recorded.canonicalized_body)
        if body != _BODIES[kind](made, body):
            raise Refused("the log entry is about another signature than the bundle's")


def _may_be_about(made: KeySignature, kind: tuple[str, str]) -> bool:
    """Whether an entry of that type has something to compare: a digest or an envelope's payload."""
    return kind in _BODIES and bool(made.digest if kind[0] == "hashedrekord" else made.payload)


def _moments(material: VerificationMaterial, made: KeySignature, root: Root) -> list[datetime]:
    """When it was signed, by logs and authorities; now, where none of them tells: then no log that has ended counts."""
    promised = [entry.integrated_time for entry in material.tlog_entries if entry.inclusion_promise and entry.integrated_time]
    stamps = material.timestamp_verification_data
    stamped = root.stamped(stamps.rfc3161_timestamps, made.signature) if stamps else []
    return [*(datetime.fromtimestamp(moment, UTC) for moment in promised), *stamped] or [datetime.now(UTC)]


def _hashedrekord_v1(made: KeySignature, _body: Any) -> dict[str, Any]:
    algorithm = made.key.hash_name
    hashed = {"hash": {"algorithm": algorithm, "value": made.digest.hex()}}
    signature = {"content": _base64(made.signature), "publicKey": {"content": _base64(_pem(made.key))}}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": hashed, "signature": signature}}


def _dsse_v1(made: KeySignature, body: Any) -> dict[str, Any]:
    payload = {"algorithm": "sha256", "value": hashlib.sha256(made.payload or b"").hexdigest()}
    spec = {
        # Over the spelling of the envelope that the log was sent, which the bundle does not hold.
        "envelopeHash": body["spec"]["envelopeHash"],
        "payloadHash": payload,
        "signatures": [{"signature": _base64(made.signature), "verifier": _base64(_pem(made.key))}],
    }
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}


def _hashedrekord_v2(made: KeySignature, _body: Any) -> dict[str, Any]:
    algorithm = made.key.hash_name
    details = {"sha256": "PKIX_ECDSA_P256_SHA_256", "sha384": "PKIX_ECDSA_P384_SHA_384"}[algorithm]
    der = made.key.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    verifier = {"keyDetails": details, "publicKey": {"rawBytes": _base64(der)}}
    data = {"algorithm": algorithm.replace("sha", "SHA2_"), "digest": _base64(made.digest)}
    signature = {"content": _base64(made.signature), "verifier": verifier}
    spec = {"hashedRekordV002": {"data": data, "signature": signature}}
    return {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec}


_BODIES: dict[tuple[str, str], Callable[[KeySignature, Any], dict[str, Any]]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_v1,
    ("dsse", "0.0.1"): _dsse_v1,
    ("hashedrekord", "0.0.2"): _hashedrekord_v2,
}


def _pem(key: SignersKey) -> bytes:
    return key.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
