"""A secret id out of a response-wrapping token, with a warning where somebody was there before us.

A wrapping token opens once. That is its worth: if it does not open for us, it has opened for someone else, or has run out.
Every task of a flow run opens a session of its own, so the secret id is unwrapped once *per process* and then
remembered in memory, under the hash of its wrapping token. A new process needs a new wrapping token.
"""

from __future__ import annotations

import hashlib
import re
import threading
from http import HTTPStatus

from pydantic import SecretStr

from pratique.clients.vault.credentials import read_credential
from pratique.clients.vault.errors import unexplained
from pratique.clients.vault.wire import Answer, Connection
from pratique.errors import Refused
from pratique.settings import AppRoleLogin

_remembered: dict[str, SecretStr] = {}
_lock = threading.Lock()


def unwrap_secret_id(connection: Connection, login: AppRoleLogin) -> SecretStr:
    """The secret id inside the wrapping token that the login's file holds."""
    wrapping = read_credential(login.secret_id_file).get_secret_value()
    name = hashlib.sha256(f"{connection.address} {wrapping}".encode()).hexdigest()
    with _lock:
        if name not in _remembered:
            _remembered[name] = _unwrap(connection, login, wrapping)
        return _remembered[name]


def forget_secret_ids() -> None:
    """Forget every secret id that this process has unwrapped, as a new process would not know them."""
    with _lock:
        _remembered.clear()


def _unwrap(connection: Connection, login: AppRoleLogin, wrapping: str) -> SecretStr:
    # Looked at before it is opened: whoever intercepts a wrapping token may leave another one, wrapped by himself.
    looked: Answer = connection.client().adapter.post("/v1/sys/wrapping/lookup", json={"token": wrapping})
    if looked.ok:
        _require_issued_here(str(looked.data.get("creation_path", "")), login)
        looked = connection.client(wrapping).sys.unwrap()
    if looked.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        raise Refused(
            f"the wrapping token in {login.secret_id_file} was used already, or has expired: unless you know who used it, "
            "take the secret id for intercepted, destroy it, see Vault's audit log, and wrap a new one"
        )
    secret_id = looked.data.get("secret_id")
    if not looked.ok or not isinstance(secret_id, str):
        raise unexplained(connection.address, f"unwrap the secret id of {login.secret_id_file}", looked)
    return SecretStr(secret_id)


def _require_issued_here(created_by: str, login: AppRoleLogin) -> None:
    if not re.fullmatch(rf"(.+/)?auth/{re.escape(login.mount)}/role/[^/]+/(custom-)?secret-id", created_by):
        raise Refused(
            f"the wrapping token in {login.secret_id_file} was not created by auth/{login.mount} but by "
            f"{created_by or 'an unknown path'}: somebody may have exchanged it; destroy the secret id and wrap a new one"
        )
