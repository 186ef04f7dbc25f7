from __future__ import annotations

from pathlib import Path

import pytest
import requests

from pratique.clients.vault.wrapping import forget_secret_ids
from pratique.settings import AppRoleLogin, VaultSettings
from tests.fakes.vault_wire import LOGIN, VaultWire, token


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> VaultWire:
    """A scripted Vault that admits AppRole logins."""
    wire = VaultWire()
    wire.on(LOGIN, token("canary-token"))
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda _, request, **details: wire.send(request, **details))
    forget_secret_ids()
    return wire


@pytest.fixture
def settings(tmp_path: Path) -> VaultSettings:
    file = tmp_path / "secret-id"
    file.write_text("canary-secret-id\n")
    return VaultSettings(address="http://vault.test:8200", login=AppRoleLogin(role_id="role", secret_id_file=file))
