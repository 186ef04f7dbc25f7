"""The clients, imported once a command asks for them: help, version and completion ask for none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pratique.bootstrap import Clients


def clients() -> Clients:
    """The clients of the current settings."""
    from pratique import bootstrap

    return bootstrap.clients()
