"""Where trust in certificates begins: the public good instance's root, or a private deployment's files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sigstore.errors import Error, TUFError
from sigstore.models import ClientTrustConfig
from sigstore_models.trustroot.v1 import TrustedRoot
from tuf.api.exceptions import DownloadError

from pratique.clients.sigstore.root import Root
from pratique.errors import Invalid, Transient

_FILE_REMEDY = "name a trusted root file of Sigstore (trusted_root.json)"
_CONFIG_REMEDY = "name a client trust configuration of Sigstore (trusted root and signing configuration v0.2)"


def public_trust_config(*, refresh: bool) -> ClientTrustConfig:
    """The public good instance's configuration: refreshed through TUF, or as this machine last had it."""
    try:
        return ClientTrustConfig.production(offline=not refresh)
    except TUFError as error:
        if isinstance(error.__cause__, DownloadError | OSError):
            raise Transient(f"Sigstore's public good instance: {error.message}, its update server did not answer") from None
        raise Invalid("Sigstore's public good instance", f"{error.message}: {error.__cause__}") from None
    except (Error, OSError, ValueError) as error:
        raise Invalid("Sigstore's public good instance", f"its root cannot be read: {_short(error)}") from None


def private_trust_config(file: Path) -> ClientTrustConfig:
    """A private deployment's configuration: its trusted root, and where its services are."""
    try:
        return ClientTrustConfig.from_json(file.read_text())
    except (Error, OSError, ValueError) as error:
        raise Invalid(str(file), f"cannot be used: {_short(error)}", _CONFIG_REMEDY) from None


def trusted_root(file: Path | None) -> Root:
    """The root in `file`, or the public good instance's as this machine last had it."""
    if file is None:
        return _public_root()
    try:
        return _root(file.read_bytes())
    except (Error, OSError, ValueError) as error:
        raise Invalid(str(file), f"cannot be used: {_short(error)}", _FILE_REMEDY) from None


# Reading a root takes longer than verifying with it. Keyed by content, so that an edited file counts at once.
@lru_cache(maxsize=16)
def _root(content: bytes) -> Root:
    return Root(TrustedRoot.from_json(content))


@lru_cache(maxsize=1)
def _public_root() -> Root:
    return Root(public_trust_config(refresh=False)._inner.trusted_root)  # noqa: SLF001 - as it was read


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
