"""What looks into images: for what is in them, and for what is known to be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pratique.clients.ports.registry import OciImage
from pratique.values.scan import Scan


class Biller(Protocol):
    """Lists what is in an image."""

    def bill(self, image: OciImage, folder: Path) -> dict[str, Any]:
        """The CycloneDX document of what is in the image, whose layers are files; `folder` is for what it needs meanwhile."""
        ...


class Scanner(Protocol):
    """Knows vulnerabilities."""

    @property
    def uri(self) -> str:
        """Which scanner it is, without its version."""
        ...

    def scan(self, bill: Mapping[str, Any]) -> Scan | None:
        """What is wrong with what a CycloneDX document lists; None where the scanner can say nothing about any of it."""
        ...
