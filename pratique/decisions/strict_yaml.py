"""YAML read strictly: bounded before it is expanded, no key twice, nothing guessed, and every place remembered.

YAML 1.1 and 1.2 disagree about unquoted `yes`, `1:30`, `0777` or `2024-01-01`. Such a scalar is not given a meaning here:
it arrives as `Unclear`, which no field accepts, so that its author is asked to put it in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from pratique.decisions.yaml_nodes import MOST_DEPTH, MOST_NODES, compose
from pratique.errors import Invalid
from pratique.values.problems import KEY, Path

MOST_BYTES = 256 * 1024
LONGEST_SHOWN = 60
"""Letters of the file's own text that a message repeats."""

_TAG: Final = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_KINDS = {"bool": "boolean", "int": "number", "float": "number", "timestamp": "date", "value": "sign", "merge": "sign"}


@dataclass(frozen=True, slots=True)
class Unclear:
    """An unquoted scalar that YAML's versions read differently."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands (lines and columns from 1), where its key does, and how a scalar is written."""

    line: int
    column: int
    key_line: int
    key_column: int
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file holds: mappings as `dict` with text keys, lists as `tuple`, and where each value stands."""

    place: str
    content: dict[str, object]
    spots: dict[Path, Spot]

    def spot(self, path: Path) -> tuple[int, int]:
        """Line and column of the value at `path`, of its key where the path ends with `KEY`, else of what holds it."""
        if path and path[-1] == KEY and (spot := self.spots.get(path[:-1])):
            return spot.key_line, spot.key_column
        while path not in self.spots:
            path = path[:-1]
        return self.spots[path].line, self.spots[path].column


def read_document(content: bytes, place: str) -> Document:
    """The one mapping in `content`; `Invalid`, naming `place`, line and column, for anything else."""
    if len(content) > MOST_BYTES:
        raise Invalid(place, f"the file has {len(content):,} bytes", f"{MOST_BYTES:,} are the most that is read")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Invalid(f"{place}:{line}", "the file is not UTF-8", "save it in that encoding") from None
    root = compose(text, place)
    if root is None:
        raise Invalid(place, "the file is empty", "docs/manifest.md shows the smallest one that works")
    spots: dict[Path, Spot] = {}
    found = _Reading(place, spots).value(root, (), root)
    if not isinstance(found, dict):
        raise Invalid(_at(place, root), f"found {kind_of(found)}, expected keys and values", "start with `version: 1`")
    return Document(place=place, content=found, spots=spots)


def kind_of(found: object) -> str:
    """What a reader sees where `found` stands."""
    if isinstance(found, Unclear):
        return f"the {found.kind} {found.text}"
    if isinstance(found, bool):
        return f"the boolean {str(found).lower()}"
    if isinstance(found, int | float):
        return f"the number {found}"
    names: dict[type, str] = {str: "text", tuple: "a list", dict: "keys and values"}
    return names.get(type(found), "nothing")


class _Reading:
    """Reads nodes into values, counting as it goes, because aliases make few nodes stand for many values."""

    def __init__(self, place: str, spots: dict[Path, Spot]) -> None:
        self._place = place
        self._spots = spots

    def value(self, node: yaml.Node, path: Path, key: yaml.Node) -> object:
        if len(path) > MOST_DEPTH:
            raise Invalid(_at(self._place, key), "an alias stands for something too deep", "write it out")
        if len(self._spots) >= MOST_NODES:
            raise Invalid(_at(self._place, key), f"aliases make the file hold more than {MOST_NODES:,} values", "write it out")
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        start, named = node.start_mark, key.start_mark
        self._spots[path] = Spot(start.line + 1, start.column + 1, named.line + 1, named.column + 1, text)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return dict(self._items(node, path))
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return tuple(self.value(item, (*path, index), item) for index, item in enumerate(node.value))
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_TAG):
            return self._scalar(node)
        raise Invalid(_at(self._place, node), f"the tag {short(node.tag)} has no meaning here", "remove it")

    def _items(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, object]]:
        seen: dict[str, yaml.Node] = {}
        for key, item in node.value:
            name = self._key(key)
            if name in seen:
                first = seen[name].start_mark.line + 1
                place = f"{_at(self._place, key)} {path_text((*path, name))}"
                raise Invalid(place, f"the key is there already, in line {first}", "keep one of the two")
            seen[name] = key
            yield name, self.value(item, (*path, name), key)

    def _key(self, node: yaml.Node) -> str:
        if node.tag == f"{_TAG}merge":
            raise Invalid(
                _at(self._place, node), "`<<` merges, which YAML 1.2 has no more", "write the keys out, or overlay them"
            )
        found = self._scalar(node) if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_TAG) else ()
        if isinstance(found, str):
            return found
        remedy = f'write it in quotes: "{short(node.value)}"' if isinstance(node, yaml.ScalarNode) else "write a name"
        what = "a list or a mapping" if found == () else kind_of(found)
        raise Invalid(_at(self._place, node), f"found {what} as a key, expected text", remedy)

    def _scalar(self, node: yaml.ScalarNode) -> object:
        kind = node.tag.removeprefix(_TAG)
        text = str(node.value)
        if kind == "str":
            if not _is_unicode(text):
                raise Invalid(_at(self._place, node), "the text holds half a character", "write the escape of a whole one")
            return text
        if kind == "null":
            return None
        if kind == "bool" and text in ("true", "false"):
            return text == "true"
        if kind == "int" and _WHOLE.fullmatch(text):
            return int(text)
        if kind == "float" and _DECIMAL.fullmatch(text):
            return float(text)
        if kind in _KINDS:
            return Unclear(_KINDS[kind], short(text))
        raise Invalid(_at(self._place, node), f"the tag !!{short(kind)} has no meaning here", "remove it")


def path_text(path: Path) -> str:
    """The path as people write it: `environments.prod.after[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != KEY:
            plain = re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part)
            text += f".{part}" if plain else f'["{short(part)}"]'
    return text.removeprefix(".")


def short(text: str) -> str:
    """Text safe on one line, cut where it gets long."""
    line = text.encode("unicode_escape").decode() if not (text.isprintable() and _is_unicode(text)) else text
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _at(place: str, node: yaml.Node) -> str:
    return f"{place}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
