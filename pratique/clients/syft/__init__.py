"""Bills of materials, made by syft."""

from pratique.clients.syft.syft import Syft

__all__ = ["Syft"]
