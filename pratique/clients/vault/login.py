"""Logging in: a token by AppRole, by JWT, or out of a file."""

from __future__ import annotations

from http import HTTPStatus

from pratique.clients.vault.credentials import read_credential
from pratique.clients.vault.errors import unexplained
from pratique.clients.vault.token import Token
from pratique.clients.vault.wire import Answer, Connection
from pratique.clients.vault.wrapping import unwrap_secret_id
from pratique.errors import Refused
from pratique.settings import AppRoleLogin, JwtLogin, TokenLogin


def log_in(connection: Connection, login: AppRoleLogin | TokenLogin | JwtLogin, now: float) -> Token:
    """A token; the credential is read from its file each time, so that what renews the file is noticed."""
    match login:
        case TokenLogin():
            return Token(text=read_credential(login.token_file), ours=False)
        case AppRoleLogin():
            return _with_approle(connection, login, now)
        case JwtLogin():
            return _with_jwt(connection, login, now)


def _with_approle(connection: Connection, login: AppRoleLogin, now: float) -> Token:
    secret_id = unwrap_secret_id(connection, login) if login.wrapped else read_credential(login.secret_id_file)
    answer: Answer = connection.client().auth.approle.login(
        role_id=login.role_id, secret_id=secret_id.get_secret_value(), use_token=False, mount_point=login.mount
    )
    if answer.status == HTTPStatus.BAD_REQUEST:
        raise Refused(
            f"Vault at {connection.address} refused the login at auth/{login.mount} ({answer.errors}): "
            f"role_id is wrong, or the secret id of {login.secret_id_file} is wrong, expired or used up: issue a new one"
        )
    return _token(connection, login.mount, answer, now)


def _with_jwt(connection: Connection, login: JwtLogin, now: float) -> Token:
    jwt = read_credential(login.jwt_file).get_secret_value()
    answer: Answer = connection.client().auth.jwt.jwt_login(role=login.role, jwt=jwt, use_token=False, path=login.mount)
    if answer.status == HTTPStatus.BAD_REQUEST:
        raise Refused(
            f"Vault at {connection.address} refused the login at auth/{login.mount} as role {login.role!r} ({answer.errors}): "
            f"the JWT in {login.jwt_file} must be fresh, and its claims as the role binds them"
        )
    return _token(connection, login.mount, answer, now)


def _token(connection: Connection, mount: str, answer: Answer, now: float) -> Token:
    if answer.status == HTTPStatus.FORBIDDEN:
        where = f" in namespace {connection.namespace}" if connection.namespace else ""
        raise Refused(
            f"Vault at {connection.address} denies the login at auth/{mount}{where}: "
            "that auth method must be enabled there, and admit this machine's address"
        )
    auth = answer.body.get("auth")
    if not answer.ok or not isinstance(auth, dict):
        raise unexplained(connection.address, f"log in at auth/{mount}", answer)
    return Token.from_login(auth, now)
