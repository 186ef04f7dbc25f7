"""The application in this process, with an inbox and a Vault in memory."""

from __future__ import annotations

import asyncio
import contextlib
import tomllib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from pratique.bootstrap import Clients
from pratique.clients.ports.inbox import Inbox
from pratique.settings import Settings
from pratique.values.references import SecretReference
from pratique.webhook.app import Receiver, application
from pratique.webhook.metrics import Metrics
from pratique.webhook.valid_secrets import ValidSecrets
from tests.calls import SECRET, SIGNING_SECRET
from tests.fakes.inbox import FakeInbox
from tests.fakes.vault import FakeVault

NEXT_SECRET = "the next secret of the webhook"
SETTINGS = """
[vault.login]
method = "token"
token_file = "/nowhere"

[environments.dev]

[services.hello]
repository = "https://git.example.test/team/hello.git"
images = ["team/base"]
rules = [
    { on = "push", ref = "main", do = "deliver", through = "staging" },
    { on = "tag", ref = "v*", do = "prepare" },
    { on = "pull_request", do = "preview" },
    { on = "image", ref = "team/base:3.*", do = "prepare", branch = "main" },
]

[webhook]
largest_body = 65536

[webhook.secrets]
github = ["vault:kv/data/webhook#current", "vault:kv/data/webhook#next"]
gitea = ["vault:kv/data/webhook#current", "vault:kv/data/webhook#next"]
bitbucket = ["vault:kv/data/webhook#current", "vault:kv/data/webhook#next"]
distribution = ["vault:kv/data/webhook#current", "vault:kv/data/webhook#next"]
harbor = ["vault:kv/data/webhook#current", "vault:kv/data/webhook#next"]
gitlab = ["vault:kv/data/webhook#current", "vault:kv/data/webhook#next"]
"""


def settings(change: Mapping[str, Any] | None = None) -> Settings:
    """The settings above; `change` replaces values of `[webhook]`."""
    content = tomllib.loads(SETTINGS)
    content["webhook"] |= change or {}
    return Settings.model_validate(content)


@dataclass(frozen=True, slots=True)
class VaultInMemory(Clients):
    """Clients whose Vault is in memory."""

    kept: FakeVault = field(default_factory=FakeVault)

    def read_secrets(self, references: Mapping[str, SecretReference]) -> dict[str, str]:
        return self.kept.read_all(references)


def a_vault(current: str = SECRET, following: str = NEXT_SECRET) -> FakeVault:
    vault = FakeVault()
    vault.put_secret("webhook", {"current": current, "next": following, "signing": SIGNING_SECRET})
    return vault


@dataclass
class Received:
    """The application under test."""

    app: FastAPI
    receiver: Receiver
    client: httpx.AsyncClient
    inbox: FakeInbox
    vault: FakeVault


@contextlib.asynccontextmanager
async def receiving(
    configured: Settings | None = None, *, inbox: Inbox | None = None, vault: FakeVault | None = None, watch: bool = True
) -> AsyncIterator[Received]:
    """The application, taking calls."""
    configured, vault = configured or settings(), vault or a_vault()
    kept = inbox if inbox is not None else FakeInbox()
    receiver = Receiver(configured, kept, ValidSecrets(VaultInMemory(configured, vault)), Metrics())
    app = application(receiver)
    work = [asyncio.create_task(receiver.committer.run())] + ([asyncio.create_task(receiver.watch())] if watch else [])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://webhook.test") as client:
        yield Received(app, receiver, client, kept, vault)  # type: ignore[arg-type]
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
