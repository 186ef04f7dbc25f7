"""Digests as the OCI image specification spells them: `sha256:` and 64 lower-case hex digits."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import StringConstraints

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"

Digest = Annotated[str, StringConstraints(pattern=DIGEST_PATTERN)]


def digest_of(content: bytes) -> Digest:
    """The sha256 digest of `content`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def hex_of(digest: Digest) -> str:
    """The 64 hex digits of a digest, as in-toto subjects spell them."""
    return digest.removeprefix("sha256:")


def canonical_json(content: Any) -> bytes:
    """One JSON text per value: sorted keys, no spaces, UTF-8; so equal values have equal digests."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
