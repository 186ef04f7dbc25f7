"""Rego as words and signs, without its comments: enough to say which names a module uses, and nothing more.

What this reader and the engine could understand differently is refused rather than guessed: template strings, control
characters (a carriage return might end a comment there and not here), letters outside ASCII in names.
Source: https://www.openpolicyagent.org/docs/policy-reference#grammar
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pratique.errors import Invalid

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t]+ | \#[^\n]*)
    | (?P<newline>\n)
    | (?P<text>"(?:[^"\\\n]|\\.)*" | `[^`]*`)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>[0-9][0-9A-Za-z.]*)
    | (?P<sign>:= | == | != | <= | >= | [-+*/%&|=<>()\[\]{},;:.])
    """,
    re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ufeff]")

Kind = Literal["newline", "text", "word", "number", "sign"]


class Token(NamedTuple):
    """A word or a sign, and the line that it is on."""

    kind: Kind
    text: str
    line: int
    is_after_space: bool
    """Something that is no word or sign stands between the one before and this one."""


def tokens_of(path: str, text: str) -> tuple[Token, ...]:
    """The module's words and signs; `Invalid` at the first thing that is neither."""
    text = text.replace("\r\n", "\n")
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise Invalid(f"{path}:{line}", f"has the control character U+{ord(found[0]):04X}", "write printable text")
    return tuple(_read(path, text))


def _read(path: str, text: str) -> Iterator[Token]:
    position, line, is_after_space = 0, 1, True
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            sign = text[position]
            remedy = "use sprintf" if sign == "$" else "close the text" if sign in '"`' else "write it in a text or a comment"
            raise Invalid(f"{path}:{line}", f"{sign!r} cannot be read here", remedy)
        kind = found.lastgroup
        if kind == "space":
            is_after_space = True
        else:
            yield Token(kind, found[0], line, is_after_space)  # type: ignore[arg-type]  # the groups are the kinds
            is_after_space = kind == "newline"
        line += found[0].count("\n")
        position = found.end()
