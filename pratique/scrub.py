"""The last net for secrets: a value once read from Vault is replaced wherever this process writes text.

Clients never put a secret into a message; this catches what other libraries put into theirs.
Known to it are the values of this process only, so it is a net and not the rule.
"""

from __future__ import annotations

import json
import logging
import threading
from urllib.parse import quote

REPLACEMENT = "********"

SHORTEST = 6
"""Shorter values are not replaced: they would tear unrelated text apart, and a secret that short is none."""

_known: set[str] = set()
_lock = threading.Lock()


def remember(secret: str) -> None:
    """Replace this value from now on, also in its spellings inside URLs, JSON and `repr` texts."""
    in_json = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    with _lock:
        _known.update(form for form in (secret, quote(secret, safe=""), repr(secret)[1:-1], *in_json) if len(form) >= SHORTEST)


def scrub(text: str) -> str:
    """The text without any remembered value."""
    with _lock:
        # The longest first, so that a secret that holds another one leaves no rest behind.
        forms = sorted(_known, key=len, reverse=True)
    for form in forms:
        text = text.replace(form, REPLACEMENT)
    return text


class ScrubbingFilter(logging.Filter):
    """Scrubs a log record: its message, its arguments, its traceback. Named in `deployments/logging.yml`."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = scrub(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        elif record.exc_text:
            record.exc_text = scrub(record.exc_text)
        return True
