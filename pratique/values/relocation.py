"""Relocation: the repository of a registry in which an environment keeps its own copy of something.

>>> str(relocated(ImageReference(repository="hello/images/web", digest="sha256:" + 64 * "0"), "prod/{repository}"))
'prod/hello/images/web@sha256:0000000000000000000000000000000000000000000000000000000000000000'
"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from pratique.values.references import ImageReference

SAME = "{repository}"
"""The pattern of an environment that has no repositories of its own."""

_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATTERN = rf"^(?:{_WORD}/)*(?:{_WORD}[._-])?\{{repository\}}(?:[._-]{_WORD})?(?:/{_WORD})*$"


def relocated(reference: ImageReference, pattern: str) -> ImageReference:
    """The same content, by the same digest, in the repository that the pattern says."""
    return reference.model_copy(update={"repository": pattern.replace(SAME, reference.repository)})


RepositoryPattern = Annotated[str, StringConstraints(pattern=_PATTERN, max_length=128)]
"""A name of a repository in which `{repository}` stands for another one's: `prod/{repository}`."""
