"""Secrets, taken out of text that an engine or a container wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pratique.scrub import REPLACEMENT

_SHORTEST_LINE = 6
"""Of a secret of several lines, lines shorter than this say nothing and would tear other text apart."""


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """What replaces every given value; a value of several lines, such as a private key, also line by line."""
    values: set[str] = set()
    for secret in secrets:
        whole = secret.strip("\r\n")
        lines = whole.splitlines()
        values.update(value for value in (secret, whole) if value)
        values.update(line for line in lines if len(line) >= _SHORTEST_LINE)
    # The longest first: a value that contains another one leaves no rest behind.
    ordered = sorted(values, key=len, reverse=True)

    def redact(text: str) -> str:
        for value in ordered:
            text = text.replace(value, REPLACEMENT)
        return text

    return redact
