"""A bill of materials: what is in an image, as plain as a policy can read it.

Format it is read from: CycloneDX (cyclonedx.org/docs), as the predicate `https://cyclonedx.org/bom`.
"""

from __future__ import annotations

from typing import Final

from pratique.values._base import Value

BILL_PREDICATE: Final = "https://cyclonedx.org/bom"
"""What `cosign verify-attestation --type cyclonedx` looks for."""


class Component(Value):
    """One package in an image."""

    name: str
    version: str = ""
    purl: str = ""
    """The package URL (github.com/package-url/purl-spec); empty where the bill names none."""
    licences: tuple[str, ...] = ()
    """SPDX identifiers, SPDX expressions and free names, as the bill has them, sorted; none: unknown."""


class Bill(Value):
    """What every bill of materials about one image says is in it, taken together."""

    documents: int = 0
    """How many bills it was read from. None means that nothing is known, not that nothing is in the image."""
    components: tuple[Component, ...] = ()
    """By name, version and purl; each once, with the licences that any bill names."""
    faults: tuple[str, ...] = ()
    """For each bill that could not be read: which one, and why. What it would have said is missing here."""
