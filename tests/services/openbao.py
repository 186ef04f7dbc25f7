"""A real OpenBao for the session, and what a test arranges in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.vault import Vault, open_vault
from pratique.clients.vault.wire import Answer
from pratique.local.openbao import NAME, OpenBao, start_openbao
from pratique.local.process import Processes, free_port
from pratique.settings import VaultSettings

_POLICIES = ["pratique-secrets", "pratique-signing", "pratique-identity"]


class ArrangedOpenBao:
    """The server as its administrator arranges it, and `vault`, the pipeline's own view of it."""

    def __init__(self, openbao: OpenBao, vault: Vault) -> None:
        self.openbao = openbao
        self.vault = vault

    def put_secret(self, path: str, pairs: Mapping[str, Any]) -> int:
        return int(write(self.openbao, f"kv/data/{path}", data=dict(pairs)).data["version"])

    def delete_version(self, path: str, version: int) -> None:
        write(self.openbao, f"kv/delete/{path}", versions=[version])

    def destroy_version(self, path: str, version: int) -> None:
        write(self.openbao, f"kv/destroy/{path}", versions=[version])

    def deny(self, path: str) -> None:
        # A policy counts as it is at the moment of the request, and "deny" wins over what other policies grant.
        _let_tests(self.openbao, f'path "kv/data/{path}" {{ capabilities = ["deny"] }}')

    def seal(self) -> None:
        self.openbao.seal()

    def unseal(self) -> None:
        self.openbao.unseal()

    def create_key(self, name: str) -> None:
        write(self.openbao, f"transit/keys/{name}", type="ecdsa-p256")

    def rotate_key(self, name: str) -> None:
        write(self.openbao, f"transit/keys/{name}/rotate")

    def retire_versions_before(self, name: str, version: int) -> None:
        write(self.openbao, f"transit/keys/{name}/config", min_encryption_version=version)


def write(openbao: OpenBao, path: str, **body: Any) -> Answer:
    """What the administrator is answered to a POST that must succeed."""
    with openbao.administration() as client:
        answer: Answer = client.adapter.post(f"/v1/{path}", json=body)
    assert answer.ok, f"{path}: {answer.status} {answer.errors}"
    return answer


@pytest.fixture(scope="session")
def openbao(services_folder: Path) -> Iterator[OpenBao]:
    """The local stack's OpenBao, ended with the session."""
    processes = Processes(services_folder / "processes")
    try:
        yield start_openbao(processes, services_folder / "openbao", free_port())
    finally:
        processes.stop(NAME)


@pytest.fixture
def vault_settings(openbao: OpenBao) -> VaultSettings:
    """Settings under which the pipeline logs in to it."""
    return openbao.settings


@pytest.fixture
def arranged_openbao(openbao: OpenBao) -> Iterator[ArrangedOpenBao]:
    """Keys named `release*` may be used, too, so that tests rotate keys of their own."""
    _let_tests(openbao, "")
    write(openbao, "auth/approle/role/pipeline", token_policies=[*_POLICIES, "pratique-tests"])
    try:
        with open_vault(openbao.settings) as vault:
            yield ArrangedOpenBao(openbao, vault)
    finally:
        openbao.unseal()
        write(openbao, "auth/approle/role/pipeline", token_policies=_POLICIES)


def _let_tests(openbao: OpenBao, rule: str) -> None:
    rules = [
        'path "transit/sign/release*" { capabilities = ["update"] }',
        'path "transit/keys/release*" { capabilities = ["read"] }',
        rule,
    ]
    write(openbao, "sys/policies/acl/pratique-tests", policy="\n".join(rules))
