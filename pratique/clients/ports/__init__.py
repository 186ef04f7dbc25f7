"""What the pipeline asks of each system outside it; one real client and one fake in `tests/fakes/` keep each contract.

Every method raises `Refused` for a no, `Transient` for "ask again", and lets nothing else of its wire library out.

Each port's module is imported when something of it is asked for: most commands and steps need one or two.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pratique.clients.ports.engine import Builder, ImageBuild, Workloads
    from pratique.clients.ports.evidence import EvidenceSigner, EvidenceVerifier
    from pratique.clients.ports.ledger import Ledger
    from pratique.clients.ports.log import Log
    from pratique.clients.ports.registry import Copied, LayerFile, OciImage, Registry, RegistryReading, StoredManifest
    from pratique.clients.ports.scanning import Biller, Scanner
    from pratique.clients.ports.secrets import Secrets, SigningKeys
    from pratique.clients.ports.source import Source
    from pratique.clients.ports.stacks import Stacks

__all__ = [
    "Biller",
    "Builder",
    "Copied",
    "EvidenceSigner",
    "EvidenceVerifier",
    "ImageBuild",
    "LayerFile",
    "Ledger",
    "Log",
    "OciImage",
    "Registry",
    "RegistryReading",
    "Scanner",
    "Secrets",
    "SigningKeys",
    "Source",
    "Stacks",
    "StoredManifest",
    "Workloads",
]

_PLACES = {
    "Builder": "engine",
    "ImageBuild": "engine",
    "Workloads": "engine",
    "EvidenceSigner": "evidence",
    "EvidenceVerifier": "evidence",
    "Ledger": "ledger",
    "Log": "log",
    "Copied": "registry",
    "LayerFile": "registry",
    "OciImage": "registry",
    "Registry": "registry",
    "RegistryReading": "registry",
    "StoredManifest": "registry",
    "Biller": "scanning",
    "Scanner": "scanning",
    "Secrets": "secrets",
    "SigningKeys": "secrets",
    "Source": "source",
    "Stacks": "stacks",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
