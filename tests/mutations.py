"""Ways to damage a document, for tests that show that no damage passes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

DELETE = object()
INSTEAD: tuple[Any, ...] = (DELETE, None, True, -1, 2**70, 1.5, "", "x", "AAAA", "é", [], ["x"], {}, {"x": "x"})


def flipped(content: bytes, position: int, mask: int) -> bytes:
    """The content with some bits of one byte the other way round."""
    index = position % len(content)
    return content[:index] + bytes([content[index] ^ (mask or 1)]) + content[index + 1 :]


def edits(document: Any) -> Iterator[Any]:
    """The JSON document once for each of its fields and each thing that may stand there instead."""
    for path in _paths(document):
        for value in (*INSTEAD, *_near(_at(document, path))):
            edited = copy.deepcopy(document)
            parent = _at(edited, path[:-1])
            if value is DELETE:
                del parent[path[-1]]
            else:
                parent[path[-1]] = value
            yield edited
    for path in [(), *_paths(document)]:
        if isinstance(_at(document, path), dict):
            edited = copy.deepcopy(document)
            _at(edited, path)["surplus"] = 1
            yield edited


def _paths(document: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    fields = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in fields:
        yield (*above, key)
        yield from _paths(value, (*above, key))


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def _near(value: Any) -> tuple[Any, ...]:
    """Values that a careless reader takes for the same."""
    match value:
        case str():
            return (f"{value}=", f"{value} ", value[:-1], value.swapcase(), f"A{value[1:]}", [value])
        case list():
            return (value * 2, [[item] for item in value])
        case int():
            return (value + 1, str(value))
        case _:
            return ()
