"""Names that become part of a URL, checked first: of repositories, tags and digests."""

from __future__ import annotations

import re

from pratique.errors import Invalid
from pratique.values.digest import DIGEST_PATTERN, Digest, hex_of

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_ADDRESS = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?")
_LONGEST_REPOSITORY = 255


def require_repository(name: str) -> str:
    """The name, if it is one that every registry takes."""
    if len(name) > _LONGEST_REPOSITORY or not _REPOSITORY.fullmatch(name):
        raise Invalid(f"repository {name[:80]!r}", "is no name of a repository", "write lower-case words separated by slashes")
    return name


def require_tag(tag: str) -> str:
    """The tag, if it is one."""
    if not _TAG.fullmatch(tag):
        raise Invalid(f"tag {tag[:80]!r}", "is no tag", "write up to 128 letters, digits, dots, hyphens and underscores")
    return tag


def require_digest(digest: str) -> Digest:
    """The digest, if it is one."""
    if not re.fullmatch(DIGEST_PATTERN, digest) or digest.endswith("\n"):
        raise Invalid(f"digest {digest[:80]!r}", "is no digest", "write sha256: and 64 lower-case hex digits")
    return digest


def require_address(address: str) -> str:
    """The registry's host and port, if they are nothing more than that."""
    if not _ADDRESS.fullmatch(address):
        raise Invalid("registry.address", f"{address[:80]!r} is no address", "write host or host:port, without https://")
    return address


def keeping_tag(digest: Digest) -> str:
    """The tag by which a manifest is kept: registries clear away what has none, and cannot clean up where nothing has one."""
    return f"kept-{hex_of(digest)}"


def referrers_tag(subject: Digest) -> str:
    """The tag of the index that lists what refers to `subject`, where a registry has no referrers API."""
    return f"sha256-{hex_of(subject)}"
