"""Who we are to the registry."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password, or whatever the registry takes in their place, such as a robot account's token."""

    username: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """The `Authorization` header of basic authentication (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
