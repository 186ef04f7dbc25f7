"""Bills of materials: the statement that one is made of, and what the statements about an image say is in it.

Format: CycloneDX JSON 1.2 and later (cyclonedx.org/docs); attached as `cosign attest --type cyclonedx` does,
the document itself being the predicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pratique.decisions.dsse import problems_of
from pratique.decisions.evidence import Gathered
from pratique.values.bill import BILL_PREDICATE, Bill, Component
from pratique.values.digest import canonical_json
from pratique.values.evidence import Statement, VerifiedStatement, statement_about
from pratique.values.references import ImageReference

_NO_PACKAGES = ("file", "operating-system")
"""Kinds of component that are none: a file that a package owns, and the distribution that its packages name."""


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class _Licence(_Wire):
    id: str = ""
    name: str = ""


class _LicenceChoice(_Wire):
    license: _Licence | None = None
    expression: str = ""

    @property
    def text(self) -> str:
        return (self.expression or (self.license.id or self.license.name if self.license else "")).strip()


class _Component(_Wire):
    type: str
    name: str = Field(min_length=1)
    version: str = ""
    purl: str = ""
    licenses: tuple[_LicenceChoice, ...] = ()
    components: tuple[_Component, ...] = ()


class _Document(_Wire):
    bom_format: Literal["CycloneDX"]
    spec_version: str
    # CycloneDX lets a bill leave them out. Such a one says nothing about what is in the image, and is not taken for "nothing".
    components: tuple[_Component, ...]


def bill_statement(reference: ImageReference, document: Mapping[str, Any], created: datetime) -> Statement:
    """The statement about an image, the same bytes whenever its bill is made anew.

    A bill's own serial number is random and its time that of its making: the one goes, the other becomes `created`,
    the commit's time. The image is named as the registry knows it, and lists whose order means nothing are sorted.
    """
    written = {key: value for key, value in document.items() if key != "serialNumber"}
    metadata = dict(document.get("metadata") or {})
    about = {"bom-ref": str(reference), "type": "container", "name": reference.repository, "version": reference.digest}
    metadata |= {"timestamp": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "component": about}
    written["metadata"] = metadata
    for section in ("components", "dependencies"):
        written[section] = sorted(document.get(section) or (), key=canonical_json)
    return statement_about(reference.repository, reference.digest, BILL_PREDICATE, written)


def bill_of(gathered: Gathered) -> Bill:
    """What is in the image, as every verified bill that speaks of it says."""
    documents, faults = _read_all(gathered)
    licences: dict[tuple[str, str, str], set[str]] = {}
    for document in documents:
        for found in _packages(document.components):
            known = licences.setdefault((found.name, found.version, found.purl), set())
            known.update(text for choice in found.licenses if (text := choice.text))
    components = tuple(
        Component(name=name, version=version, purl=purl, licences=tuple(sorted(licences[name, version, purl])))
        for name, version, purl in sorted(licences)
    )
    return Bill(documents=len(documents), components=components, faults=faults)


def bill_to_scan(gathered: Gathered) -> dict[str, Any] | None:
    """The document that a scanner is given: of the bills that speak of the image the one that says most; None without any."""
    readable = [found.statement.predicate for found in _bills(gathered) if _problem(found, gathered) == ""]
    return max(readable, key=lambda document: (len(document["components"]), canonical_json(document)), default=None)


def _read_all(gathered: Gathered) -> tuple[list[_Document], tuple[str, ...]]:
    documents: list[_Document] = []
    faults: list[str] = []
    for found in _bills(gathered):
        if problem := _problem(found, gathered):
            faults.append(f"bill of materials {found.bundle[7:19]} does not count: {problem}")
        else:
            documents.append(_Document.model_validate(found.statement.predicate))
    return documents, tuple(faults)


def _bills(gathered: Gathered) -> Iterator[VerifiedStatement]:
    return (found for found in gathered.verified if found.statement.predicate_type == BILL_PREDICATE)


def _problem(found: VerifiedStatement, gathered: Gathered) -> str:
    if not found.statement.speaks_of(gathered.reference.digest):
        return "it speaks of something else"
    try:
        _Document.model_validate(found.statement.predicate)
    except ValidationError as error:
        return f"it is no CycloneDX document: {problems_of(error)}"
    return ""


def _packages(components: Iterable[_Component]) -> Iterator[_Component]:
    """Every package, those inside others too."""
    for component in components:
        if component.type not in _NO_PACKAGES:
            yield component
        yield from _packages(component.components)
