"""Signing with a key that never leaves Vault: the transit engine's ecdsa-p256 keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
from http import HTTPStatus
from typing import Any

from hvac.utils import format_url

from pratique.clients.vault.errors import unexplained
from pratique.clients.vault.session import Session
from pratique.clients.vault.wire import Answer
from pratique.errors import Refused, Transient

_KEY_TYPE = "ecdsa-p256"


def public_key(session: Session, mount: str, name: str, version: int | None) -> tuple[int, str]:
    """The version (the newest, unless named) and its public key as PEM."""
    key = _key(session, mount, name)
    chosen = version if version is not None else int(key["latest_version"])
    if str(chosen) not in key["keys"]:
        known = ", ".join(sorted(key["keys"], key=int)) or "none"
        raise Refused(f"{mount}/keys/{name}: there is no version {chosen}, or its archive is closed; versions: {known}")
    return chosen, str(key["keys"][str(chosen)]["public_key"])


def sign(session: Session, mount: str, name: str, version: int, message: bytes) -> bytes:
    """The ASN.1 DER ECDSA signature over the sha256 of `message` by exactly that version of the key.

    The hash is in the path, as cosign asks it, so that a policy on `<mount>/sign/<name>/*` grants it;
    ASN.1 is asked for, because the other marshaling, JWS, gives bare `r || s`, which no Sigstore client reads.
    """
    path = f"{mount}/sign/{name}/sha2-256"
    body = {
        "input": base64.b64encode(hashlib.sha256(message).digest()).decode(),
        "prehashed": True,
        "marshaling_algorithm": "asn1",
        "key_version": version,
    }
    url = format_url("/v1/{mount}/sign/{name}/sha2-256", mount=mount, name=name)
    answer = session.ask("update", path, lambda client: client.adapter.post(url, json=body))
    if not answer.ok:
        raise _why_not(session, mount, name, version, answer) or unexplained(session.address, f"sign at {path}", answer)
    signature, prefix = str(answer.data.get("signature", "")), f"vault:v{version}:"
    if not signature.startswith(prefix):
        raise Refused(f"{path}: Vault signed with another version of the key than {version}: the signature is not used")
    try:
        return base64.b64decode(signature.removeprefix(prefix), validate=True)
    except binascii.Error:
        raise Refused(f"{path}: Vault's answer is no signature") from None


def _key(session: Session, mount: str, name: str) -> dict[str, Any]:
    path = f"{mount}/keys/{name}"
    answer = session.ask("read", path, lambda client: client.secrets.transit.read_key(name=name, mount_point=mount))
    if answer.status == HTTPStatus.NOT_FOUND and "namespace" not in answer.errors:
        raise Refused(f"{path}: there is no such key: create it (type {_KEY_TYPE}), or correct signing.mount and signing.key")
    if not answer.ok:
        raise unexplained(session.address, f"read {path}", answer)
    if (kind := answer.data.get("type")) != _KEY_TYPE:
        raise Refused(
            f"{path}: the key is of type {kind}; signatures here are ECDSA over sha256: use a key of type {_KEY_TYPE}"
        )
    return answer.data


def _why_not(session: Session, mount: str, name: str, version: int, answer: Answer) -> Refused | None:
    """Whether the key or its version is why Vault did not sign: Vault answers 500 to a version it will not use."""
    if answer.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR):
        return None
    try:
        key = _key(session, mount, name)
    except Refused as refused:
        return refused
    except Transient:
        return None  # What Vault said of the signature itself is told.
    newest, oldest = int(key["latest_version"]), int(key.get("min_encryption_version") or 0)
    oldest = max(oldest, int(key.get("min_decryption_version") or 1))
    if oldest <= version <= newest:
        return None
    return Refused(
        f"{mount}/keys/{name}: version {version} may not sign, versions {oldest} to {newest} may: "
        "sign with one of those, or lower the key's min_encryption_version"
    )
