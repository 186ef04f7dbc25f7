"""The one redactor: a secret is replaced in every spelling in which a program may write it.

Clients never put a secret into a message; this catches what other programs and libraries put into theirs. A value once read
from Vault is known to the whole process, and replaced wherever that writes text: logs, states, the ledger, signed statements,
commands' output. Whoever is handed a value may make a `Redactor` of its own.
Known are the values of this process only, so it is a net and not the rule.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

REPLACEMENT = "********"

SHORTEST = 6
"""Shorter values are not replaced: they would tear unrelated text apart, and a secret that short is none.

Nor are shorter lines of a value of several."""
_WRAPPED = (64, 76)
"""Columns at which base64 is wrapped: PEM's and MIME's."""
_SHORTEST_WRAPPED = 16
_BLOCK = 16
_ESCAPED = re.compile(r"(\\+|[\"'\n\r\t]|[^\x00-\x7f])")
"""What is written with a backslash in quotation marks, or may be."""

Spelling = str | re.Pattern[str]

_known: set[Spelling] = set()
_lock = threading.Lock()


class Redactor:
    """Replaces some secrets in texts, in all their spellings."""

    def __init__(self, secrets: Iterable[str] = (), *, shortest: int = 1) -> None:
        """Values shorter than `shortest` are left alone."""
        self._order({one for secret in secrets for one in spellings(secret, shortest)})

    @classmethod
    def of(cls, known: Iterable[Spelling]) -> Redactor:
        """One for spellings that are made already."""
        made = cls()
        made._order(known)
        return made

    def _order(self, known: Iterable[Spelling]) -> None:
        # The longest first, so that a secret that holds another one leaves no rest behind, nor a part the whole.
        self._ordered = sorted(known, key=lambda one: len(one if isinstance(one, str) else one.pattern), reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for spelling in self._ordered:
            if isinstance(spelling, re.Pattern):
                text = spelling.sub(REPLACEMENT, text)
            elif spelling in text:
                text = text.replace(spelling, REPLACEMENT)
        return text

    def cut(self, text: str) -> str:
        """As a call, for a text that was cut off: what is left of a secret at its beginning or its end goes, too."""
        text = self(text)
        if len(text) < SHORTEST:
            return text
        for spelling in self._ordered:
            if isinstance(spelling, re.Pattern):
                continue
            begun = next((end for end in _ends(spelling, text[-SHORTEST:]) if text.endswith(spelling[:end])), 0)
            if begun:
                text = text[: len(text) - begun] + REPLACEMENT
            left = next((start for start in _starts(spelling, text[:SHORTEST]) if text.startswith(spelling[start:])), 0)
            if left:
                text = REPLACEMENT + text[len(spelling) - left :]
        return text


_made: tuple[set[Spelling], int, Redactor] = _known, 0, Redactor()


def remember(secret: str) -> None:
    """Replace this value from now on, in all its spellings."""
    made = set(spellings(secret, SHORTEST))
    with _lock:
        _known.update(made)


def redactor(*secrets: str) -> Redactor:
    """For whatever this process has remembered, and for `secrets`."""
    global _made  # noqa: PLW0603  # what is remembered grows rarely, and is asked for at each line
    with _lock:
        of, size, made = _made
        if of is not _known or size != len(_known):
            made = Redactor.of(set(_known))
            _made = _known, len(_known), made
        if not secrets:
            return made
        known = set(_known)
    return Redactor.of(known.union(*(spellings(secret, 1) for secret in secrets)))


def scrub(text: str) -> str:
    """The text without any remembered value."""
    return redactor()(text)


def scrubbed(value: Any) -> Any:
    """A document of lists, tuples, mappings and texts with every text scrubbed; its names, and what is no text, stay."""
    return _mapped(value, redactor())


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case dict():
            return {name: _mapped(one, change) for name, one in value.items()}
        case list():
            return [_mapped(one, change) for one in value]
        case tuple():
            return tuple(_mapped(one, change) for one in value)
        case _:
            return value


def spellings(secret: str, shortest: int) -> Iterator[Spelling]:
    """Every way in which the secret may be written: as it is, line by line, quoted for many languages, encoded."""
    whole = secret.strip("\r\n")
    lines = [line.strip() for line in secret.splitlines()]
    pieces = [secret, whole, *([whole.strip()] if len(whole.strip()) >= SHORTEST else [])]
    if len(lines) > 1:
        # With its indentation gone, a line is found whatever stands before it: spaces, a time, a number, a quotation mark.
        pieces += [line for line in lines if len(line) >= SHORTEST]
        pieces.append(" ".join(secret.split()))
    for piece in dict.fromkeys(pieces):
        if not piece.strip():
            continue
        made = [piece, *_quoted(piece)]
        if len(piece) >= SHORTEST:
            made += [" ".join(piece.split()), *_encoded(piece), *_blocks(piece)]
        yield from (one for one in made if len(one) >= shortest)
        if len(piece) >= shortest and _ESCAPED.search(piece):
            yield _escaped(piece)
    yield from _wrapped(whole)
    yield from _wrapped(secret)


def _escaped(text: str) -> re.Pattern[str]:
    """As JSON and most languages have it in quotation marks, and again within such a text, as logs do, however often."""
    parts: list[str] = []
    for part in _ESCAPED.split(text):
        if not _ESCAPED.fullmatch(part):
            parts += [re.escape(part)] if part else []
            continue
        if part.startswith("\\"):
            parts.append(r"\\+")
            continue
        code = f"u{ord(part):04x}|x{ord(part):02x}"
        code += "|" + "".join(rf"\\+x{byte:02x}" for byte in part.encode(errors="replace"))[3:]
        letter = {"\n": "n|", "\r": "r|", "\t": "t|"}.get(part, "")
        # After a backslash of the text's own there is one already; two such quantifiers in a row would take for ever.
        more = r"\\*" if part in "'\"" else r"\\+"
        before = "" if parts and parts[-1] == r"\\+" else more
        plain = re.escape(part)
        parts.append(rf"(?:{before}{plain})" if part in "'\"" else rf"(?:{plain}|{before}(?:{letter}{code}))")
    return re.compile("".join(parts))


def _quoted(text: str) -> Iterator[str]:
    """As it stands inside the quotation marks of JSON, Python, Go, shells, URLs, XML, SQL and others."""
    for in_json in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        # `/` as PHP writes it; what Go, and so Docker, escapes for browsers.
        yield from (in_json, in_json.replace("/", r"\/"))
        yield in_json.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
    yield repr(text.encode(errors="replace"))[2:-1]
    for in_url in (quote(text, safe="", errors="replace"), quote(text, errors="replace"), quote_plus(text, errors="replace")):
        yield from (in_url, re.sub("%..", lambda match: match[0].lower(), in_url))
    yield from (html.escape(text, quote=False), html.escape(text))
    yield from (text.replace("'", "'\"'\"'"), text.replace("'", r"'\''"), text.replace("'", "''"), text.replace('"', '""'))
    yield from (text.replace("$", "$$"), re.sub(r'(["\\$`])', r"\\\1", text), re.sub(r"([^\w@%+=:,./-])", r"\\\1", text))


def _encoded(text: str) -> Iterator[str]:
    """In hexadecimal digits, and in base64 at each of the three places where it may stand in what is encoded with it."""
    raw = text.encode(errors="replace")
    yield from (raw.hex(), raw.hex().upper())
    for before in range(3):
        # A character of base64 has six bits: those that hold none of a neighbour's.
        first, last = -(-8 * before // 6), 8 * (before + len(raw)) // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + raw)[first:last].decode()


def _blocks(text: str) -> Iterator[str]:
    """Parts of a long line, for texts in which others have cut it off: some of Python's own messages show 200 characters."""
    if len(text) >= 2 * _BLOCK and "\n" not in text:
        yield from (text[start : start + _BLOCK] for start in range(0, len(text) - _BLOCK + 1, _BLOCK))


def _wrapped(text: str) -> Iterator[str]:
    encoded = base64.b64encode(text.encode(errors="replace")).decode()
    for columns in _WRAPPED:
        parts = [encoded[start : start + columns] for start in range(0, len(encoded), columns)]
        yield from (part for part in parts if len(part) >= _SHORTEST_WRAPPED)


def _ends(spelling: str, tail: str) -> Iterator[int]:
    """Where the beginning of the spelling may have been cut off, for a text that ends with `tail`; the longest first."""
    at = spelling.rfind(tail, 0, len(spelling) - 1)
    while at >= 0:
        yield at + len(tail)
        at = spelling.rfind(tail, 0, at + len(tail) - 1)


def _starts(spelling: str, head: str) -> Iterator[int]:
    """Where the end of the spelling may begin, for a text that begins with `head`; the longest first."""
    at = spelling.find(head, 1)
    while at >= 0:
        yield at
        at = spelling.find(head, at + 1)


class ScrubbingFilter(logging.Filter):
    """Scrubs a log record: its message, its arguments, its traceback. Named in `deployments/logging.yml`."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = scrub(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        elif record.exc_text:
            record.exc_text = scrub(record.exc_text)
        if record.stack_info:
            record.stack_info = scrub(record.stack_info)
        return True
