"""Settings of a registry."""

from __future__ import annotations

from pratique.values._base import Value
from pratique.values.references import SecretText


class RegistrySettings(Value):
    """The OCI registry."""

    address: str = "127.0.0.1:5000"
    """Host and port, as they stand in image references."""
    plain_http: bool = False
    """No TLS; for a registry on loopback."""
    username: SecretText | None = None
    password: SecretText | None = None
