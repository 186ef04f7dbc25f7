"""Settings in TOML: one file, or an operator's own file above one that a program writes.

    extends = "generated.toml"

    [people.ada]
    emails = ["ada@example.com"]

A table of the own file is merged into the table of the same name below it, key by key; any other value takes the other's place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pratique.errors import Invalid

EXTENDS = "extends"
"""The key that names the file below, as a path from the folder of the file that has it."""

LARGEST = 1024 * 1024
"""Bytes of one file."""


def read_content(file: Path) -> tuple[bytes, ...]:
    """The bytes of the file, and of the one that it extends; nothing where there is no such file."""
    if not file.is_file():
        return ()
    content = _read(file)
    below = _below(file, _extended(file, content))
    return (content,) if below is None else (content, _read(below))


def read_settings(file: Path) -> dict[str, Any]:
    """What the file says, over what the one says that it extends; nothing where there is no such file.

    `Invalid` names the file that cannot be read or is no TOML, and one that extends a file that extends another.
    """
    if not file.is_file():
        return {}
    own = parse(file, _read(file))
    below = _below(file, own.pop(EXTENDS, None))
    if below is None:
        return own
    extended = parse(below, _read(below))
    if EXTENDS in extended:
        raise Invalid(f"{below}: {EXTENDS}", "is in a file that another one extends", "let one file extend one other")
    return merged(extended, own)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of both, those of `above` over those of `below`."""
    found = dict(below)
    for name, value in above.items():
        under = found.get(name)
        found[name] = merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return found


def parse(file: Path, content: bytes) -> dict[str, Any]:
    """What the TOML says."""
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(str(file), f"is not TOML: {error}", "mend it there; https://toml.io says how it is written") from None


@lru_cache(maxsize=4)
def _extended(file: Path, content: bytes) -> object:
    """What the file says of the one below it; asked for as often as the settings are."""
    return parse(file, content).get(EXTENDS)


def _below(file: Path, name: object) -> Path | None:
    if name is None:
        return None
    if not isinstance(name, str) or not (below := file.parent / name).is_file():
        raise Invalid(f"{file}: {EXTENDS}", f"names {name!r}, which is no file", "name one as a path from this file's folder")
    return below


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise Invalid(str(file), f"cannot be read: {error.strerror}", "let this user read it") from None
    if len(content) > LARGEST:
        raise Invalid(str(file), f"is larger than {LARGEST} bytes", "divide it, or look whether it is the right file")
    return content
