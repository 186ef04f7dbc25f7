"""Real registries for the session: without a login, with a password, with tokens, and one with the referrers API.

The last one is built from Go source (`registry_with_referrers/`) and so takes part wherever there is a Go toolchain:
`REGISTRIES` says which kinds there are on this machine, and the ids of the contract suite name them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from pratique.clients.registry import Credentials
from pratique.local.process import Processes, free_port
from pratique.local.registry import start_registry
from pratique.values.digest import Digest, hex_of
from tests import peers
from tests.services._registry_tokens import TokenService

USER = Credentials("pratique", "opensesame-7f3a")
_HTPASSWD = "pratique:$2y$05$abcdefghijklmnopqrstuu1SHm0FNFZQQa1tsWY7waK3rAqAdg4R2\n"
"""As `htpasswd -nbB` writes that user's line."""

REGISTRIES = ("plain", "password", "tokens", *(["referrers-api"] if peers.is_there("registry-with-referrers") else []))


@dataclass(frozen=True)
class RealRegistry:
    """A registry that runs, and where it keeps its blobs."""

    address: str
    credentials: Credentials | None
    storage: Path
    has_referrers_api: bool = False
    tokens: TokenService | None = field(default=None, compare=False)

    def blob_file(self, digest: Digest) -> Path:
        """The file that holds a blob or a manifest."""
        digits = hex_of(digest)
        if self.has_referrers_api:
            return self.storage / "sha256" / digits
        return self.storage / "docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"


@pytest.fixture(scope="session")
def registry_address(plain_registry: RealRegistry) -> str:
    """`host:port` of a registry that asks for no login."""
    return plain_registry.address


@pytest.fixture(scope="session")
def plain_registry(services_folder: Path) -> Iterator[RealRegistry]:
    processes, folder = Processes(services_folder / "processes"), services_folder / "registry"
    try:
        yield RealRegistry(start_registry(processes, folder, free_port()), None, folder / "storage")
    finally:
        processes.stop("registry")


@pytest.fixture(scope="session")
def password_registry(services_folder: Path) -> Iterator[RealRegistry]:
    processes, folder = Processes(services_folder / "processes"), services_folder / "registry-password"
    folder.mkdir()
    (folder / "htpasswd").write_text(_HTPASSWD)
    login = {"htpasswd": {"realm": "registry", "path": str(folder / "htpasswd")}}
    try:
        address = start_registry(processes, folder, free_port(), name=folder.name, login=login)
        yield RealRegistry(address, USER, folder / "storage")
    finally:
        processes.stop(folder.name)


@pytest.fixture(scope="session")
def tokens_registry(services_folder: Path) -> Iterator[RealRegistry]:
    processes, folder = Processes(services_folder / "processes"), services_folder / "registry-tokens"
    folder.mkdir()
    tokens = TokenService(USER.username, USER.password)
    with tokens.running():
        try:
            address = start_registry(processes, folder, free_port(), name=folder.name, login=tokens.configuration(folder))
            yield RealRegistry(address, USER, folder / "storage", tokens=tokens)
        finally:
            processes.stop(folder.name)


@pytest.fixture(scope="session")
def referrers_api_registry(services_folder: Path) -> Iterator[RealRegistry]:
    processes, folder = Processes(services_folder / "processes"), services_folder / "registry-referrers"
    (folder / "storage").mkdir(parents=True)
    address = f"127.0.0.1:{free_port()}"
    command = [str(peers.program("registry-with-referrers")), "-address", address, "-storage", str(folder / "storage")]
    try:
        processes.start(folder.name, command, ready=lambda: _serves(address))
        yield RealRegistry(address, None, folder / "storage", has_referrers_api=True)
    finally:
        processes.stop(folder.name)


@pytest.fixture(params=REGISTRIES)
def real_registry(request: pytest.FixtureRequest) -> RealRegistry:
    """Each kind of real registry in turn."""
    registry: RealRegistry = request.getfixturevalue(fixture_of(request.param))
    return registry


def fixture_of(kind: str) -> str:
    """The fixture that starts the registry of that kind."""
    return f"{kind.replace('-', '_')}_registry"


def _serves(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/v2/", trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
