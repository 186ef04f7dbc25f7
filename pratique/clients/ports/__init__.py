"""What the pipeline asks of each system outside it; one real client and one fake in `tests/fakes/` keep each contract.

Every method raises `Refused` for a no, `Transient` for "ask again", and lets nothing else of its wire library out.
"""

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
