"""The client of HashiCorp Vault and OpenBao."""

from pratique.clients.vault.vault import Vault, open_vault

__all__ = ["Vault", "open_vault"]
