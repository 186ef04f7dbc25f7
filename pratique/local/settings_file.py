"""The settings of the local stack: a file that `pratique up` writes each time, and one above it for whoever runs the stack."""

from __future__ import annotations

import getpass
import re
from pathlib import Path

import tomli_w

from pratique.clients.sigstore.key_file import KeyFile, make_key_file
from pratique.clients.vault import open_vault
from pratique.local.openbao import KEY, OpenBao
from pratique.local.prefect import PrefectStack
from pratique.settings import OWN_KEY
from pratique.settings.file import EXTENDS
from pratique.values.names import NAME_PATTERN

ENVIRONMENTS = ("dev", "staging", "prod")
"""The environments of the local stack, all of them on this machine."""

LEASE = "15s"
"""How long an environment stays locked after its promotion was killed."""


GENERATED = "generated.toml"
"""What `pratique up` writes, beside the file that extends it."""

_HEAD = "# Written by `pratique up`; changes made here are lost.\n"
"""Begins what `pratique up` writes; a user's file that begins so is one that an earlier version wrote."""

_OWN = f"""\
# Your own settings, over those that `pratique up` writes into {GENERATED}: a table is merged, any other value is replaced.
# docs/settings.md says what there is.

{EXTENDS} = "{GENERATED}"
"""


def write_settings(
    file: Path, *, stack: str, engine: str, front: str, openbao: OpenBao, registry: str, aws: str, prefect: PrefectStack
) -> None:
    """Write what `file` extends anew: addresses may have changed, and the signing key may have been rotated.

    `file` itself is written where there is none: it is the user's.
    """
    place = {
        "trust": [{"kind": "key", "pem": pem} for pem in _public_keys(openbao)],
        "aws": {"region": "eu-central-1", "endpoint": aws, "credentials": _AWS_CREDENTIALS},
        "targets": {"docker": {"engine": engine, "address": "127.0.0.1", "front_image": front, "stack": stack}},
    }
    content = {
        "builder": engine,
        "git_cache": str(file.parent / "git"),
        "registry": {"address": registry, "plain_http": True},
        "vault": openbao.settings.model_dump(mode="json", exclude_none=True),
        "signing": {"kind": "transit", "key": KEY},
        "ledger": {"url": f"sqlite:///{file.parent / 'ledger.db'}", "lease": LEASE},
        "prefect": {"api_url": prefect.api_url, "auth_file": str(prefect.auth_file)},
        "environments": dict.fromkeys(ENVIRONMENTS, place),
        # One worker and a person beside it: what was killed is for that person to see.
        "watch": {"again": 0},
        "people": {person_name(): {"trust": [{"kind": "key", "pem": _persons_key(file.parent / OWN_KEY)}]}},
        # Whoever runs the local stack owns everything in it.
        "unsafe_any_repository": True,
    }
    generated = file.parent / GENERATED
    _replace(generated, f"{_HEAD}{tomli_w.dumps(content)}")
    if not file.exists() or file.read_text().startswith(_HEAD):
        _replace(file, _OWN)


def _replace(file: Path, content: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(content)
    new.replace(file)


_AWS_CREDENTIALS = {
    "access_key_id": "vault:kv/data/aws#access_key_id",
    "secret_access_key": "vault:kv/data/aws#secret_access_key",
}


def person_name() -> str:
    """Whoever runs the local stack, as a name that settings take."""
    name = re.sub(r"[^a-z0-9]+", "-", getpass.getuser().lower()).strip("-")[:40].strip("-")
    return name if re.fullmatch(NAME_PATTERN, name) else "me"


def _persons_key(file: Path) -> str:
    """The public half of their key, which is made where there is none: with it they approve, and lift holds."""
    if not file.exists():
        return make_key_file(file, password="")
    return KeyFile(file, lambda: "").public_key(OWN_KEY)[1]


def _public_keys(openbao: OpenBao) -> list[str]:
    with open_vault(openbao.settings) as vault:
        newest, _ = vault.public_key(KEY)
        return [vault.public_key(KEY, version)[1] for version in range(1, newest + 1)]
