"""Identity tokens: JWTs by which Vault itself vouches for who is logged in."""

from __future__ import annotations

from http import HTTPStatus

from pratique.clients.vault.errors import unexplained
from pratique.clients.vault.session import Session
from pratique.errors import Refused


def identity_token(session: Session, role: str) -> str:
    """An OIDC identity token (a JWT), issued under Vault's `identity/oidc/role/<role>` for the entity that is logged in.

    It is a credential for whoever trusts this Vault as an issuer: keep it as short as any secret.
    """
    path = f"identity/oidc/token/{role}"
    answer = session.ask("read", path, lambda client: client.secrets.identity.generate_signed_id_token(name=role))
    token = answer.data.get("token")
    if answer.ok and isinstance(token, str):
        return token
    if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
        raise Refused(
            f"{path}: Vault at {session.address} issues no token ({answer.errors}): "
            "the role and its key must exist, and the login must belong to an entity (a root token has none)"
        )
    raise unexplained(session.address, f"read {path}", answer)
