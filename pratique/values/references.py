"""References: to an image by digest, and to a secret by its place in Vault."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from pratique.values._base import Value
from pratique.values.digest import Digest

_SECRET = re.compile(
    r"^vault:(?P<mount>[a-z0-9][a-z0-9_-]{0,63})/data/(?P<path>[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+){0,15})"
    r"#(?P<key>[A-Za-z_][A-Za-z0-9_.-]{0,127})(?:@(?P<version>[1-9][0-9]{0,8}))?$"
)


class ImageReference(Value):
    """An image, pinned: which repository of the registry holds it, under which digest."""

    repository: str = Field(pattern=r"^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$", max_length=255)
    digest: Digest

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


class SecretReference(Value):
    """Where a secret is, never what it is: `vault:kv/data/hello#db_password`, or `…#db_password@3` for version 3.

    The spelling follows Vault's KV version 2 HTTP API: `/v1/<mount>/data/<path>`.
    """

    mount: str
    path: str
    key: str
    version: int | None = None
    """The pinned version; `None` reads the newest."""

    @classmethod
    def parse(cls, text: object) -> Self:
        """The reference that `text` spells."""
        if isinstance(text, cls):
            return text
        match = _SECRET.match(text) if isinstance(text, str) else None
        if match is None or ".." in match["path"].split("/"):
            raise ValueError("write a secret as vault:<mount>/data/<path>#<key>, with @<version> to pin it")
        version = int(match["version"]) if match["version"] else None
        return cls(mount=match["mount"], path=match["path"], key=match["key"], version=version)

    def __str__(self) -> str:
        pin = "" if self.version is None else f"@{self.version}"
        return f"vault:{self.mount}/data/{self.path}#{self.key}{pin}"


SecretText = Annotated[
    SecretReference,
    BeforeValidator(SecretReference.parse),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^vault:.+/data/.+#.+$", "examples": ["vault:kv/data/hello#db_password"]}),
]
"""A secret reference, spelled as one string in YAML and JSON."""
