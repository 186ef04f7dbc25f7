"""The operator's settings: where everything is, and whom each environment trusts.

Read from the TOML file that `PRATIQUE_CONFIG` names (`.pratique/pratique.toml` if it is absent, which `pratique up` writes);
any single value can be overridden by an environment variable, such as `PRATIQUE_REGISTRY__ADDRESS`.
They belong to whoever runs the pipeline, not to the services: a service's own repository cannot change whom production trusts.
Settings hold no secret: only references into Vault, and paths of files that hold one.
"""

from __future__ import annotations

import os
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from pratique.errors import Invalid
from pratique.settings.file import read_content, read_settings
from pratique.settings.places import AwsCredentials, AwsSettings, DockerTarget, EnvironmentSettings
from pratique.settings.registry import RegistrySettings
from pratique.settings.vault import AppRoleLogin, JwtLogin, KeylessSigning, TokenLogin, TransitSigning, VaultSettings
from pratique.settings.webhook import ForgeSettings, ServiceSettings, WebhookSettings
from pratique.values._base import Value
from pratique.values.duration import Duration, Span
from pratique.values.names import Name
from pratique.values.people import Person, require_known_people
from pratique.values.scanner import ScannerSettings

DEFAULT_FILE = Path(".pratique/pratique.toml")

OWN_KEY = "person.pem"
"""The key of whoever runs the local stack, beside its settings: `pratique up` makes it."""

__all__ = [
    "AppRoleLogin",
    "AwsCredentials",
    "AwsSettings",
    "DockerTarget",
    "EnvironmentSettings",
    "ForgeSettings",
    "JwtLogin",
    "KeylessSigning",
    "LedgerSettings",
    "PrefectSettings",
    "RegistrySettings",
    "ServiceSettings",
    "Settings",
    "TokenLogin",
    "TransitSigning",
    "VaultSettings",
    "WatchSettings",
    "WebhookSettings",
    "load_settings",
    "settings_file",
]


class LedgerSettings(Value):
    """The ledger's database."""

    url: str = "sqlite:///.pratique/ledger.db"
    lease: Duration = timedelta(seconds=30)
    """How long a lock outlives a holder that has stopped renewing it."""


class PrefectSettings(Value):
    """The Prefect server that runs the flows."""

    api_url: str = "http://127.0.0.1:4200/api"
    auth_file: Path | None = None
    """A file with `user:password`, where the server asks for it (`PREFECT_SERVER_API_AUTH_STRING`)."""
    ui_url: str | None = Field(default=None, pattern=r"^https?://[^?#\s]+[^/?#\s]$")
    """Where people see its UI, as links to runs lead there; absent: at the server of `api_url`."""


class WatchSettings(Value):
    """The watch over flow runs whose process may be gone (`pratique watch`)."""

    every: Span = timedelta(seconds=15)
    """How long from one look to the next."""
    silence: Span = timedelta(seconds=100)
    """A run that has not been heard of for so long is taken for dead; its heartbeats come every 30 s, if told so."""
    pending: Span = timedelta(minutes=5)
    """How long the start of a run's process or container may take."""
    again: int = Field(default=3, ge=0, le=100)
    """How often a run that was killed begins anew without a person."""


class Settings(BaseSettings):
    """Everything that is configured, in one place, checked at start."""

    model_config = SettingsConfigDict(env_prefix="PRATIQUE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    registry: RegistrySettings = RegistrySettings()
    vault: VaultSettings
    signing: Annotated[TransitSigning | KeylessSigning, Field(discriminator="kind")] = TransitSigning()
    ledger: LedgerSettings = LedgerSettings()
    prefect: PrefectSettings = PrefectSettings()
    builder: str = "unix:///var/run/docker.sock"
    """The engine that builds images."""
    git_cache: Path = Path(".pratique/git")
    """Where repositories are mirrored."""
    syft: str | None = None
    """The syft that makes bills of materials, a name on the worker's PATH or a path; absent: the one that comes along."""
    scanner: ScannerSettings | None = None
    """What looks for known vulnerabilities in images. Absent: nothing does, and a gate that asks for a scan refuses."""
    environments: dict[Name, EnvironmentSettings] = Field(min_length=1)
    people: dict[Name, Person] = Field(default_factory=dict)
    """Whose word counts: who approves, makes exceptions, revokes, lifts holds."""
    groups: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """People by what they do, for `approvals.from` and `exceptions.from`."""
    services: dict[Name, ServiceSettings] = Field(default_factory=dict)
    """Every service that may be delivered. None: every delivery is refused."""
    policies: tuple[Path, ...] = ()
    """Folders with gates of the operator's own, in Rego, which every promotion has to pass besides those that ship."""
    webhook: WebhookSettings = WebhookSettings()
    watch: WatchSettings = WatchSettings()
    unsafe_any_repository: bool = False
    """Let any repository name any service, whatever `services` lists; `pratique up` says so for the local stack alone."""

    @model_validator(mode="after")
    def _people_are_told_apart(self) -> Settings:
        require_known_people(self.people, self.groups, self._named())
        return self

    def _named(self) -> dict[str, tuple[str, ...]]:
        """Whom the environments name, by where."""
        found: dict[str, tuple[str, ...]] = {}
        for name, place in self.environments.items():
            if place.gates.approvals is not None:
                found[f"environments.{name}.gates.approvals.from"] = place.gates.approvals.from_
            if place.exceptions is not None:
                found[f"environments.{name}.exceptions.from"] = place.exceptions.from_
        return found

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, InitSettingsSource(settings_cls, read_settings(settings_file())))


def settings_file() -> Path:
    """The file that settings are read from."""
    return Path(os.environ.get("PRATIQUE_CONFIG", DEFAULT_FILE))


def load_settings() -> Settings:
    """The settings as they are now, or one error that names every problem at once."""
    file = settings_file()
    variables = tuple(sorted(pair for pair in os.environ.items() if pair[0].upper().startswith("PRATIQUE_")))
    return _settings(variables, read_content(file), Path.cwd())


@lru_cache(maxsize=4)
def _settings(_variables: tuple[tuple[str, str], ...], _content: tuple[bytes, ...], _folder: Path) -> Settings:
    """Read anew only where something that they are read from has changed: a run asks for them some eighty times."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        remedy = "run `pratique up` for a local stack, or name your file in PRATIQUE_CONFIG"
        raise Invalid(str(settings_file()), problems, remedy) from None
