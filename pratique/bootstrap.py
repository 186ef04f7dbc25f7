"""From settings to clients: the one place that chooses.

    with clients().registry() as registry:
        registry.resolve("hello/releases", "commit-…")

Each client is opened where it is used and closed after it; credentials are read from Vault at that moment and kept no longer.
Each is imported where it is opened, too: the AWS, Docker and Sigstore libraries take two seconds between them, which a
command that needs none of them should not cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pratique.errors import Refused
from pratique.settings import EnvironmentSettings, KeylessSigning, RegistrySettings, Settings, load_settings
from pratique.values.environment import Environment
from pratique.values.event import Forge
from pratique.values.people import People
from pratique.values.references import SecretReference
from pratique.values.scanner import GrypeScanner
from pratique.values.trust import Trusted

if TYPE_CHECKING:
    from pratique.clients.ports import (
        Biller,
        Builder,
        EvidenceSigner,
        EvidenceVerifier,
        Ledger,
        Registry,
        Scanner,
        Source,
        Stacks,
        Workloads,
    )
    from pratique.clients.ports.forge import ForgeClient
    from pratique.clients.ports.inbox import Inbox
    from pratique.clients.ports.policies import PolicyEngine
    from pratique.clients.prefect import Prefect
    from pratique.clients.registry import Credentials
    from pratique.clients.vault import Vault


@dataclass(frozen=True, slots=True)
class Clients:
    """Every client, as the settings say."""

    settings: Settings

    def place(self, environment: str) -> EnvironmentSettings:
        """The operator's settings of an environment; refused where there are none."""
        place = self.settings.environments.get(environment)
        if place is None:
            known = ", ".join(self.settings.environments)
            raise Refused(f"the settings know no environment {environment!r}, only {known}: add [environments.{environment}]")
        return place

    @property
    def trust(self) -> tuple[Trusted, ...]:
        """Every signer that any environment trusts."""
        trusted = [signer for place in self.settings.environments.values() for signer in place.trust]
        return tuple(dict.fromkeys(trusted))

    @property
    def people(self) -> People:
        """Everybody whose word counts."""
        return People(persons=self.settings.people, groups=self.settings.groups)

    @property
    def origins(self) -> dict[str, str] | None:
        """The repository of each service that the settings list; None where they let any repository name any service."""
        if self.settings.unsafe_any_repository:
            return None
        return {name: service.repository for name, service in self.settings.services.items()}

    @contextmanager
    def vault(self) -> Iterator[Vault]:
        from pratique.clients.vault import open_vault

        with open_vault(self.settings.vault) as vault:
            yield vault

    def read_secrets(self, references: Mapping[str, SecretReference]) -> dict[str, str]:
        """The secrets' values; Vault is not asked where there is none to read."""
        if not references:
            return {}
        with self.vault() as vault:
            return vault.read_all(references)

    @contextmanager
    def registry(self, settings: RegistrySettings | None = None) -> Iterator[Registry]:
        """The registry that everybody uses, or the one of those settings."""
        from pratique.clients.registry import open_registry

        chosen = settings or self.settings.registry
        with open_registry(chosen, self._credentials_of(chosen)) as registry:
            yield registry

    @contextmanager
    def signer(self) -> Iterator[EvidenceSigner]:
        from pratique.clients.sigstore import KeyEvidenceSigner, KeylessEvidenceSigner, ambient_token
        from pratique.clients.vault import open_vault

        signing = self.settings.signing
        if isinstance(signing, KeylessSigning):
            role = signing.vault_role
            with self.vault() as vault:
                yield KeylessEvidenceSigner(signing, ambient_token if role is None else partial(vault.identity_token, role))
            return
        with open_vault(self.settings.vault, transit_mount=signing.mount) as vault:
            yield KeyEvidenceSigner(vault, signing.key)

    def policies(self) -> PolicyEngine:
        from pratique.clients.rego import RegoPolicies

        return RegoPolicies()

    def verifier(self) -> EvidenceVerifier:
        from pratique.clients.sigstore import OfflineEvidenceVerifier

        return OfflineEvidenceVerifier()

    def source(self) -> Source:
        from pratique.clients.git import GitSource

        return GitSource(self.settings.git_cache)

    @contextmanager
    def builder(self) -> Iterator[Builder]:
        from pratique.clients.engine import open_builder

        with open_builder(self.settings.builder) as builder:
            yield builder

    def biller(self) -> Biller:
        from pratique.clients.syft import Syft

        return Syft(self.settings.syft)

    def scanner(self) -> Scanner | None:
        """What looks for known vulnerabilities; None where the settings name nothing."""
        from pratique.clients.scanners import Grype, OsvScanner

        scanner = self.settings.scanner
        if scanner is None:
            return None
        if isinstance(scanner, GrypeScanner):
            return Grype(scanner.program)
        return OsvScanner(scanner.program, scanner.database)

    @contextmanager
    def workloads(self, environment: Environment) -> Iterator[Workloads]:
        from pratique.clients.engine import open_workloads

        place = self.place(environment.name)
        target, registry = place.targets.get(environment.target), place.registry or self.settings.registry
        if target is None:
            raise Refused(f"environment {environment.name} has no target {environment.target!r} in the settings")
        with open_workloads(target, registry, credentials=self._credentials_of(registry)) as workloads:
            yield workloads

    @contextmanager
    def stacks(self, environment: Environment) -> Iterator[Stacks]:
        from pratique.clients.cloudformation import open_stacks

        aws = self.place(environment.name).aws
        credentials = None
        if aws.credentials is not None:
            found = self.read_secrets({"id": aws.credentials.access_key_id, "secret": aws.credentials.secret_access_key})
            credentials = (found["id"], found["secret"])
        with open_stacks(aws, credentials) as stacks:
            yield stacks

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        from pratique.clients.ledger import open_ledger

        with open_ledger(self.settings.ledger) as ledger:
            yield ledger

    @contextmanager
    def inbox(self) -> Iterator[Inbox]:
        from pratique.clients.inbox import open_inbox

        with open_inbox(self.settings.ledger) as inbox:
            yield inbox

    @contextmanager
    def forge(self, kind: Forge) -> Iterator[ForgeClient]:
        from pratique.clients.forge import open_forge

        settings = self.settings.webhook.forges.get(kind)
        if settings is None:
            raise Refused(f"the settings do not say how {kind} is told anything: add [webhook.forges.{kind}]")
        token = self.read_secrets({"token": settings.token})["token"]
        with open_forge(kind, settings, token) as forge:
            yield forge

    def _credentials_of(self, registry: RegistrySettings) -> Credentials | None:
        from pratique.clients.registry import Credentials

        if registry.username is None or registry.password is None:
            return None
        return Credentials(**self.read_secrets({"username": registry.username, "password": registry.password}))

    @contextmanager
    def prefect(self) -> Iterator[Prefect]:
        from pratique.clients.prefect import open_prefect

        with open_prefect(self.settings.prefect) as prefect:
            yield prefect


def clients() -> Clients:
    """The clients of the current settings, read anew: a worker takes changed settings with its next run."""
    return Clients(load_settings())
