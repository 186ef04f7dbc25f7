"""Vault or OpenBao, opened for the length of a `with`: secrets, signing keys and identity tokens under one login.

A task writes

    with open_vault(settings.vault) as vault:
        password = vault.read(SecretReference.parse("vault:kv/data/hello#db_password@3"))

and no token of ours outlives the `with`, whatever happens inside; that of a killed process ends by its own short life.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pratique.clients.vault import identity, secrets, transit
from pratique.clients.vault.session import Session
from pratique.settings import VaultSettings
from pratique.values.references import SecretReference


class Vault:
    """The ports `Secrets` and `SigningKeys`, and identity tokens, over one session."""

    def __init__(self, session: Session, transit_mount: str) -> None:
        self._session = session
        self._transit_mount = transit_mount

    def read(self, reference: SecretReference) -> str:
        """The secret's value."""
        return secrets.read_secret(self._session, reference)

    def read_all(self, references: Mapping[str, SecretReference]) -> dict[str, str]:
        """The value for each name, each path read once; refused with every reason at once. Nothing asked, nothing sent."""
        return secrets.read_secrets(self._session, references)

    def public_key(self, name: str, version: int | None = None) -> tuple[int, str]:
        """The version (the newest, unless named) and its public key as PEM."""
        return transit.public_key(self._session, self._transit_mount, name, version)

    def sign(self, name: str, version: int, message: bytes) -> bytes:
        """The ASN.1 DER ECDSA signature over the sha256 of `message` by exactly that version of the key."""
        return transit.sign(self._session, self._transit_mount, name, version, message)

    def identity_token(self, role: str) -> str:
        """An OIDC identity token for the entity that is logged in, issued under `role`."""
        return identity.identity_token(self._session, role)


@contextmanager
def open_vault(settings: VaultSettings, *, transit_mount: str = "transit") -> Iterator[Vault]:
    """Vault, logged in at first use and logged out at the end, on failure too (`session.py` says how)."""
    session = Session(settings)
    try:
        yield Vault(session, transit_mount)
    finally:
        session.close()
