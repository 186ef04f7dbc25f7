"""Whom connections to servers outside trust: the certificates that httpx takes, read once for a process.

Reading them takes some twenty milliseconds, longer than most of the requests for which a client is opened.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

import httpx


def trusting() -> ssl.SSLContext:
    """The context for `httpx.Client(verify=…)`: those of certifi, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`."""
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _context(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()
