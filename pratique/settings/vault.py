"""Settings of Vault: how to log in there, and what signs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pratique.values._base import Value


class AppRoleLogin(Value):
    """Log in to Vault with an AppRole."""

    method: Literal["approle"] = "approle"
    mount: str = "approle"
    role_id: str
    secret_id_file: Path
    wrapped: bool = False
    """The file holds a response-wrapping token instead of the secret id."""


class TokenLogin(Value):
    """Use a token that something else obtained, such as a Vault agent."""

    method: Literal["token"] = "token"
    token_file: Path


class JwtLogin(Value):
    """Log in to Vault with a JWT, such as a CI job's or a Kubernetes service account's."""

    method: Literal["jwt"] = "jwt"
    mount: str = "jwt"
    role: str
    jwt_file: Path


class VaultSettings(Value):
    """HashiCorp Vault or OpenBao."""

    address: str = "http://127.0.0.1:8200"
    namespace: str | None = None
    ca_bundle: Path | None = None
    login: Annotated[AppRoleLogin | TokenLogin | JwtLogin, Field(discriminator="method")]


class TransitSigning(Value):
    """Sign with a key that never leaves Vault's transit engine."""

    kind: Literal["transit"] = "transit"
    mount: str = "transit"
    key: str = "pratique"


class KeylessSigning(Value):
    """Sign with a short-lived certificate for an OIDC identity."""

    kind: Literal["keyless"] = "keyless"
    trust_config: Path | None = None
    """A Sigstore client trust configuration of a private deployment; absent: the public good instance."""
    vault_role: str | None = None
    """Let Vault's identity provider issue the token, by this role; absent: the ambient credential (CI, Kubernetes)."""
