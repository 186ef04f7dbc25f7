"""Credentials in files: a secret id, a wrapping token, a JWT, a token."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import SecretStr

from pratique.errors import Invalid

_ONE_WORD = re.compile(r"[\x21-\x7e]{1,65536}")
"""Printable ASCII: anything else cannot be sent in a header, and what complains about that quotes it."""


def read_credential(file: Path) -> SecretStr:
    """The one credential that `file` holds; spaces and line ends around it do not count."""
    try:
        text = file.read_bytes().decode("ascii", errors="replace").strip()
    except OSError as error:
        raise Invalid(str(file), f"cannot be read ({error.strerror})", "Vault's credential belongs there") from None
    if not _ONE_WORD.fullmatch(text):
        problem = "does not hold exactly one credential" if text else "is empty"
        raise Invalid(str(file), problem, "it holds the credential alone, as Vault issued it")
    return SecretStr(text)
