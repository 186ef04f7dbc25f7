"""`.dockerignore` as `docker build` reads it: the rules are those of moby's patternmatcher, quirks included.

A pattern becomes a regular expression of RE2, which is what Go has: the same text means the same, and matching takes a time
that grows with the path alone, whatever a pattern like `*a*a*a*b` asks for.
Rules: https://docs.docker.com/build/concepts/context/#dockerignore-files, https://github.com/moby/patternmatcher (v0.6).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import re2

from pratique.errors import Invalid

_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(chr(code) for code in range(0x2000, 0x200B))
"""What Go takes for white space."""
_ESCAPED = frozenset(".+()|{}$")
_LETTER = r"(?:\\.|[^\\\]\-])"
_SOUND = re2.compile(rf"(?s)^(?:\\.|[^\\\[]|\[\^?(?:{_LETTER}(?:-{_LETTER})?)+\])*$")
"""What Go's filepath.Match takes: brackets closed, not empty, ranges whole, and no backslash at the end."""
_REMEDY = "correct the pattern; a backslash takes the meaning from the character after it"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line that counts."""

    excepts: bool
    """Whether it begins with `!`: what it matches is sent all the same."""
    matches: Callable[[str], bool] = field(repr=False)


class Ignore:
    """The patterns of one file; remembers what it found of folders, so ask for what is above first."""

    def __init__(self, text: str, place: str = ".dockerignore") -> None:
        """`Invalid` where a pattern is one that `docker build` does not take."""
        self._patterns = [_pattern(line, place) for line in _lines(text)]
        self._found: dict[str, tuple[bool, tuple[bool, ...]]] = {}

    def ignores(self, path: str) -> bool:
        """Whether the path, relative and clean, is left out: the last pattern that matches it or a folder above decides."""
        return self._look(path)[0]

    def _look(self, path: str) -> tuple[bool, tuple[bool, ...]]:
        if path not in self._found:
            above = posixpath.dirname(path)
            inherited = self._look(above)[1] if above else (False,) * len(self._patterns)
            # Paths that are no UTF-8 are compared as Go compares them: each wrong byte is a character of its own.
            shown = path.encode(errors="surrogateescape").decode(errors="replace")
            ignored, matched = False, list[bool]()
            for pattern, match in zip(self._patterns, inherited, strict=True):
                # One that could change nothing is not asked, which counts below: a folder that was not asked did not match.
                found = match or (pattern.excepts is ignored and pattern.matches(shown))
                matched.append(found)
                ignored = (not pattern.excepts) if found else ignored
            self._found[path] = ignored, tuple(matched)
        return self._found[path]


def _lines(text: str) -> Iterable[str]:
    """The patterns, clean, each with its `!`."""
    for line in text.removeprefix("\ufeff").split("\n"):
        pattern = line.strip(_SPACE)
        # Only where it stands first: ` #` is no comment.
        if line.startswith("#") or not pattern:
            continue
        mark = "!" if pattern.startswith("!") else ""
        pattern = pattern.removeprefix("!").strip(_SPACE) if mark else pattern
        if pattern:
            pattern = _clean(pattern)
            pattern = pattern[1:] if len(pattern) > 1 and pattern.startswith("/") else pattern
        yield mark + pattern


def _clean(path: str) -> str:
    # Unlike Go, Python keeps two slashes at the beginning.
    return posixpath.normpath("/" + path.lstrip("/") if path.startswith("/") else path)


def _pattern(line: str, place: str) -> Pattern:
    excepts, text = line.startswith("!"), line.removeprefix("!")
    if not text:
        raise Invalid(place, "the pattern '!' excepts nothing", "write what is to be sent all the same after it")
    if _SOUND.search(text) is None:
        raise Invalid(place, f"{text[:200]!r} is no pattern", _REMEDY)
    return Pattern(excepts=excepts, matches=_matcher(text, place))


def _matcher(text: str, place: str) -> Callable[[str], bool]:
    expression, kind = _expression(text)
    match kind:
        case "exact":
            return lambda path: path == text
        case "prefix":
            return lambda path: path.startswith(text[:-2])
        case "suffix":
            suffix = text[2:]
            return lambda path: path.endswith(suffix) or (suffix.startswith("/") and path == suffix[1:])
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(f"^{expression}$", options)
    except re2.error:
        raise Invalid(place, f"{text[:200]!r} is no pattern", _REMEDY) from None
    return lambda path: compiled.search(path) is not None


def _expression(text: str) -> tuple[str, str]:
    """The expression, and how it is compared: `exact`, `prefix` and `suffix` are of the text as it stands."""
    parts: list[str] = []
    kind, at = "exact", 0
    while at < len(text):
        letter, first = text[at], at == 0
        at += 1
        if letter == "*" and text[at : at + 1] == "*":
            at += 1
            # `**/` is `**`, which is any number of folders; at the end it is anything.
            at += text[at : at + 1] == "/"
            if at < len(text):
                parts.append("(.*/)?")
                kind = "expression"
            elif kind == "exact":
                kind = "prefix"
            else:
                parts.append(".*")
                kind = "expression"
            kind = "suffix" if first else kind
        elif letter in "*?":
            parts.append("[^/]*" if letter == "*" else "[^/]")
            kind = "expression"
        elif letter == "\\" and at < len(text):
            parts.append(f"\\{text[at]}")
            kind, at = "expression", at + 1
        else:
            parts.append(f"\\{letter}" if letter in _ESCAPED else letter)
            kind = "expression" if letter in "[]" else kind
    return "".join(parts), kind
