"""References: to an image by digest, and to a secret by its place in Vault."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.placeholders import ENVIRONMENT

_PART = r"(?:[A-Za-z0-9_.-]|\$\{environment\})+"
_SECRET = re.compile(
    rf"vault:(?P<mount>[a-z0-9][a-z0-9_-]{{0,63}})/data/(?P<path>{_PART}(?:/{_PART}){{0,15}})"
    r"#(?P<key>[A-Za-z_][A-Za-z0-9_.-]{0,127})(?:@(?P<version>[1-9][0-9]{0,8}))?"
)
_SPELLING = "write a secret as vault:<mount>/data/<path>#<key>, with @<version> to pin it"


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
        reference = cls.parse_for_environments(text)
        if ENVIRONMENT in reference.path:
            raise ValueError(f"{ENVIRONMENT} has no meaning here, which serves all environments: write the path in full")
        return reference

    @classmethod
    def parse_for_environments(cls, text: object) -> Self:
        """The reference that `text` spells; its path may hold `${environment}`, which `in_environment` replaces."""
        if isinstance(text, cls):
            return text
        match = _SECRET.fullmatch(text) if isinstance(text, str) else None
        if match is None or {".", ".."} & set(match["path"].split("/")):
            raise ValueError(_SPELLING)
        version = int(match["version"]) if match["version"] else None
        return cls(mount=match["mount"], path=match["path"], key=match["key"], version=version)

    def in_environment(self, name: str) -> Self:
        """The reference with `${environment}` replaced by the environment's name."""
        return self.model_copy(update={"path": self.path.replace(ENVIRONMENT, name)})

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

EnvironmentSecretText = Annotated[
    SecretReference,
    BeforeValidator(SecretReference.parse_for_environments),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^vault:.+/data/.+#.+$", "examples": ["vault:kv/data/hello/${environment}#db_password"]}
    ),
]
"""A secret reference whose path may hold `${environment}`: one line that serves every environment."""
