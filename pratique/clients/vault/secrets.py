"""Reading secrets from KV version 2, each from exactly the version that its reference pins."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pratique.clients.vault.errors import unexplained
from pratique.clients.vault.session import Session
from pratique.clients.vault.wire import Answer
from pratique.errors import Refused, Transient
from pratique.scrub import remember
from pratique.values.references import SecretReference

_KV2 = "KV version 2"


def read_secret(session: Session, reference: SecretReference) -> str:
    """The secret's value."""
    return _value(_document(session, reference), reference)


def read_secrets(session: Session, references: Mapping[str, SecretReference]) -> dict[str, str]:
    """The value for each name; refused with every reason at once.

    Each path is read once, so that keys that belong together (a user and its password) come from the same version.
    """
    places: dict[tuple[str, str, int | None], list[str]] = {}
    for name, reference in references.items():
        places.setdefault((reference.mount, reference.path, reference.version), []).append(name)
    values: dict[str, str] = {}
    reasons: list[str] = []
    for names in places.values():
        try:
            document = _document(session, references[names[0]])
        except Refused as refused:
            reasons += refused.reasons
            continue
        for name in names:
            try:
                values[name] = _value(document, references[name])
            except Refused as refused:
                reasons += refused.reasons
    if reasons:
        raise Refused(*reasons)
    return values


def _value(document: Mapping[str, Any], reference: SecretReference) -> str:
    if reference.key not in document:
        keys = ", ".join(sorted(document)) or "none"
        raise Refused(f"{reference}: there is no key {reference.key!r} at {_path(reference)}; its keys: {keys}")
    value = document[reference.key]
    if not isinstance(value, str):
        raise Refused(f"{reference}: the value is no text but of JSON type {_json_type(value)}: store it as a string")
    remember(value)
    return value


def _document(session: Session, reference: SecretReference) -> dict[str, Any]:
    """The key-value pairs at the reference's path, in its version."""
    path = _path(reference)
    answer = session.ask(
        "read",
        path,
        lambda client: client.secrets.kv.v2.read_secret_version(
            path=reference.path, version=reference.version, mount_point=reference.mount, raise_on_deleted_version=True
        ),
    )
    document, metadata = answer.data.get("data"), answer.data.get("metadata")
    if answer.ok and isinstance(document, dict) and isinstance(metadata, dict):
        return document
    if isinstance(metadata, dict):
        raise _gone(reference, metadata)
    if answer.ok or answer.status == HTTPStatus.NOT_FOUND:
        raise _missing(session, reference, answer)
    raise unexplained(session.address, f"read {path}", answer)


def _gone(reference: SecretReference, metadata: Mapping[str, Any]) -> Refused:
    version = metadata.get("version")
    if metadata.get("destroyed"):
        return Refused(f"{reference}: version {version} was destroyed and is gone for good: write and pin a new one")
    return Refused(f"{reference}: version {version} was deleted: undelete it, or write and pin a new one")


def _missing(session: Session, reference: SecretReference, answer: Answer) -> Refused | Transient:
    """Why a path is not there: the mount may be another one than was thought."""
    if "namespace" in answer.errors:
        return unexplained(session.address, f"read {_path(reference)}", answer)
    if "no handler for route" in answer.errors:
        return Refused(f"{reference}: nothing is mounted at {reference.mount}: name a KV version 2 mount")
    engine = _engine(session, reference.mount)
    if engine not in ("", _KV2):
        return Refused(f"{reference}: what is mounted at {reference.mount} is {engine}: name a {_KV2} mount")
    version = "" if reference.version is None else f" in version {reference.version}"
    return Refused(f"{reference}: there is nothing at {_path(reference)}{version}: write it, or correct the reference")


def _engine(session: Session, mount: str) -> str:
    """What is mounted there; empty where we may not know.

    Vault's own command line asks this endpoint before it reads; it is open to whoever may use anything below the mount.
    """
    path = f"sys/internal/ui/mounts/{mount}"
    try:
        told = session.ask("read", path, lambda client: client.adapter.get(f"/v1/{path}"))
    except (Refused, Transient):
        return ""
    if not told.ok:
        return ""
    kind = str(told.data.get("type"))
    return f"KV version {(told.data.get('options') or {}).get('version', '1')}" if kind == "kv" else f"of type {kind}"


def _path(reference: SecretReference) -> str:
    return f"{reference.mount}/data/{reference.path}"


def _json_type(value: object) -> str:
    names = {bool: "boolean", int: "number", float: "number", list: "array", dict: "object", type(None): "null"}
    return names.get(type(value), "unknown")
