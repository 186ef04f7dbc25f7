"""Whom an environment trusts: the signers whose evidence counts there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from pratique.values._base import Value


class TrustedKey(Value):
    """A public key, as PEM text or as the file that holds it; several for a rotation."""

    kind: Literal["key"] = "key"
    pem: str = ""
    file: Path | None = None
    trusted_root: Path | None = None
    """A Sigstore trusted root file: a signature counts only with an entry in a log of that root. Absent: without one too."""


class TrustedIdentity(Value):
    """A keyless identity: both halves are compared exactly, because an issuer alone vouches for anyone."""

    kind: Literal["identity"] = "identity"
    identity: str = Field(min_length=1)
    issuer: str = Field(min_length=1)
    trusted_root: Path | None = None
    """A Sigstore trusted root file of a private deployment; absent: the public good instance's, through TUF."""


Trusted = TrustedKey | TrustedIdentity
