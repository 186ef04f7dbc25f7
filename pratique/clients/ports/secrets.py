"""Vault."""

from __future__ import annotations

from typing import Protocol

from pratique.values.references import SecretReference


class Secrets(Protocol):
    """Vault's KV version 2 engine."""

    def read(self, reference: SecretReference) -> str:
        """The secret's value."""
        ...


class SigningKeys(Protocol):
    """Vault's transit engine."""

    def public_key(self, name: str, version: int | None = None) -> tuple[int, str]:
        """The version (the newest, unless named) and its public key as PEM."""
        ...

    def sign(self, name: str, version: int, message: bytes) -> bytes:
        """The ASN.1 DER ECDSA signature over the sha256 of `message` by exactly that version of the key."""
        ...
