"""With what a person signs: a key in a file, a key in Vault under their own login, or their own identity."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pratique.cli.opening import clients
from pratique.errors import Invalid

if TYPE_CHECKING:
    from pratique.clients.ports import EvidenceSigner

PASSWORD = "PRATIQUE_KEY_PASSWORD"  # noqa: S105  # the name of a variable
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", envvar="PRATIQUE_KEY", help="Sign with the private key in this file (`pratique keygen`)."),
]
VaultKeyOption = Annotated[
    str | None,
    typer.Option("--vault-key", help="Sign with this key of Vault's transit engine, by the token of your own `vault login`."),
]
KeylessOption = Annotated[
    bool, typer.Option("--keyless", help="Sign with your own identity: a job's, or the one you log in with in the browser.")
]


@contextmanager
def persons_signer(key: Path | None, vault_key: str | None, *, keyless: bool) -> Iterator[EvidenceSigner]:
    """What signs as the person; exactly one way, or the key beside the local stack's settings where none is named."""
    chosen = [way for way, is_named in (("--key", key), ("--vault-key", vault_key), ("--keyless", keyless)) if is_named]
    if len(chosen) > 1:
        raise Invalid(" and ".join(chosen), "are different ways to sign", "name one of them")
    if keyless:
        yield _by_identity()
        return
    from pratique.clients.sigstore import KeyEvidenceSigner
    from pratique.settings import OWN_KEY, TokenLogin, settings_file

    if vault_key is not None:
        from pratique.clients.vault import open_vault

        token = Path(os.environ.get("VAULT_TOKEN_FILE", Path.home() / ".vault-token"))
        login = TokenLogin(token_file=token)
        with open_vault(clients().settings.vault.model_copy(update={"login": login}), transit_mount=_mount()) as vault:
            yield KeyEvidenceSigner(vault, vault_key)
        return
    from pratique.clients.sigstore.key_file import KeyFile

    own = settings_file().parent / OWN_KEY
    if key is None and not own.exists():
        raise Invalid("--key", "nobody's key is named", "name your key's file, or --vault-key, or --keyless")
    yield KeyEvidenceSigner(KeyFile(key or own, asked_password), str(key or own))


def asked_password() -> str:
    """The password of a key, from the environment or from whoever sits there."""
    return os.environ.get(PASSWORD) or str(typer.prompt("Password of the key", hide_input=True, default="", show_default=False))


def _mount() -> str:
    from pratique.settings import TransitSigning

    signing = clients().settings.signing
    return signing.mount if isinstance(signing, TransitSigning) else TransitSigning().mount


def _by_identity() -> EvidenceSigner:
    from pratique.clients.sigstore import KeylessEvidenceSigner
    from pratique.clients.sigstore.tokens import persons_token
    from pratique.settings import KeylessSigning

    signing = clients().settings.signing
    settings = signing if isinstance(signing, KeylessSigning) else KeylessSigning()
    token: Callable[[], str] = persons_token
    return KeylessEvidenceSigner(settings.model_copy(update={"vault_role": None}), token)
