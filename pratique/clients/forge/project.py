"""What a forge calls a repository, told from the address by which Git fetches it."""

from __future__ import annotations

from urllib.parse import quote

from pratique.decisions.addresses import repository_key
from pratique.errors import Refused


def owner_and_name(repository: str) -> str:
    """`owner/name`, the last two parts of the path, as they stand in a URL."""
    parts = _parts(repository)[-2:]
    return "/".join(quote(part, safe="") for part in parts)


def full_path(repository: str, below: str) -> str:
    """The whole path as one part of a URL, groups included; `below` is where the forge itself begins on its host."""
    parts = _parts(repository)
    prefix = [part for part in below.split("/") if part]
    inside = parts[len(prefix) :] if parts[: len(prefix)] == prefix else parts
    return quote("/".join(inside), safe="")


def _parts(repository: str) -> list[str]:
    key = repository_key(repository)
    parts = [] if key is None else [part for part in key[1].split("/") if part]
    if len(parts) < len(("owner", "name")):
        raise Refused("the service's repository has no owner and name that a forge could know: correct it in the settings")
    return parts
