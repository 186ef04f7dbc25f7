"""A bill of materials by source packages, for scanners that know distributions by these.

Debian, Ubuntu and Alpine record a vulnerability by the source package, which OSV's databases follow: libssl3 is looked up
as openssl. syft says which one it is in the package URL (`upstream`, github.com/package-url/purl-spec, `purl-types/deb`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from pratique.values.digest import canonical_json

_BY_SOURCE = ("pkg:deb/", "pkg:apk/")


def by_source(bill: Mapping[str, Any]) -> dict[str, Any]:
    """The CycloneDX document with each package of such a distribution under the name and version of its source, once."""
    renamed = [_source_of(component) for component in bill.get("components") or ()]
    once = {canonical_json([found.get("purl") or found]): found for found in renamed}
    return {**bill, "components": list(once.values()), "dependencies": []}


def _source_of(component: dict[str, Any]) -> dict[str, Any]:
    purl = component.get("purl")
    if not isinstance(purl, str) or not purl.startswith(_BY_SOURCE):
        return component
    path, _, query = purl.partition("?")
    qualifiers = dict(parse_qsl(query))
    source, _, version = qualifiers.pop("upstream", "").partition("@")
    if not source:
        return component
    named, _, own = path.partition("@")
    version = version or unquote(own)
    # The architecture is the binary package's.
    qualifiers.pop("arch", None)
    renamed = f"{named.rpartition('/')[0]}/{quote(source, safe='')}@{quote(version, safe=':')}?{urlencode(qualifiers)}"
    return {**component, "name": source, "version": version, "purl": renamed.rstrip("?")}
