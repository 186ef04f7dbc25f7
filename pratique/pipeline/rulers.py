"""Whose rulings count."""

from __future__ import annotations

from pratique.bootstrap import Clients
from pratique.clients.sigstore.gather import Rulers


def rulers(clients: Clients) -> Rulers:
    """Everybody of the settings, and the pipelines of all environments: what one revokes, none lets in."""
    return Rulers(pipelines=clients.trust, people=clients.people)
