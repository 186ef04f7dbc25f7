"""The operator's settings: where everything is, and whom each environment trusts.

Read from the TOML file that `PRATIQUE_CONFIG` names (`.pratique/pratique.toml` if it is absent, which `pratique up` writes);
any single value can be overridden by an environment variable, such as `PRATIQUE_REGISTRY__ADDRESS`.
They belong to whoever runs the pipeline, not to the services: a service's own repository cannot change whom production trusts.
Settings hold no secret: only references into Vault, and paths of files that hold one.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from pratique.errors import Invalid
from pratique.values._base import Value
from pratique.values.duration import Duration, Span
from pratique.values.event import Forge
from pratique.values.names import Name
from pratique.values.references import SecretText
from pratique.values.rules import USUAL_RULES, Rule
from pratique.values.trust import Trusted

DEFAULT_FILE = Path(".pratique/pratique.toml")


class RegistrySettings(Value):
    """The OCI registry."""

    address: str = "127.0.0.1:5000"
    """Host and port, as they stand in image references."""
    plain_http: bool = False
    """No TLS; for a registry on loopback."""
    username: SecretText | None = None
    password: SecretText | None = None


class AppRoleLogin(Value):
    """Log in to Vault with an AppRole."""

    method: Literal["approle"] = "approle"
    mount: str = "approle"
    role_id: str
    secret_id_file: Path
    wrapped: bool = False
    """The file holds a response-wrapping token instead of the secret id."""


class TokenLogin(Value):
    """Use a token that something else obtained, such as a Vault agent."""

    method: Literal["token"] = "token"
    token_file: Path


class JwtLogin(Value):
    """Log in to Vault with a JWT, such as a CI job's or a Kubernetes service account's."""

    method: Literal["jwt"] = "jwt"
    mount: str = "jwt"
    role: str
    jwt_file: Path


class VaultSettings(Value):
    """HashiCorp Vault or OpenBao."""

    address: str = "http://127.0.0.1:8200"
    namespace: str | None = None
    ca_bundle: Path | None = None
    login: Annotated[AppRoleLogin | TokenLogin | JwtLogin, Field(discriminator="method")]


class TransitSigning(Value):
    """Sign with a key that never leaves Vault's transit engine."""

    kind: Literal["transit"] = "transit"
    mount: str = "transit"
    key: str = "pratique"


class KeylessSigning(Value):
    """Sign with a short-lived certificate for an OIDC identity."""

    kind: Literal["keyless"] = "keyless"
    trust_config: Path | None = None
    """A Sigstore client trust configuration of a private deployment; absent: the public good instance."""
    vault_role: str | None = None
    """Let Vault's identity provider issue the token, by this role; absent: the ambient credential (CI, Kubernetes)."""


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


class AwsCredentials(Value):
    """Static credentials, kept in Vault; absent: boto3's own chain (role, profile, environment)."""

    access_key_id: SecretText
    secret_access_key: SecretText


class AwsSettings(Value):
    """Where an environment's stacks are."""

    region: str = "eu-central-1"
    endpoint: str | None = None
    credentials: AwsCredentials | None = None


class DockerTarget(Value):
    """A Docker host that runs workloads."""

    engine: str = "unix:///var/run/docker.sock"
    """The engine's address, as in `DOCKER_HOST`."""
    tls: Path | None = None
    """A folder with ca.pem, cert.pem and key.pem."""
    address: str = "127.0.0.1"
    """The host's address under which published ports are reached."""
    registry: str | None = None
    """The registry's address as this host sees it; absent: as the settings say."""
    front_image: str = "docker.io/library/haproxy:3.2-alpine"
    """The HAProxy image (2.6 or newer) that switches traffic between the old and the new container."""
    stack: str = ""
    """The local stack that what runs here belongs to; `pratique down` removes it by this label."""


class EnvironmentSettings(Value):
    """Where one environment is, and whom it trusts."""

    trust: tuple[Trusted, ...] = ()
    """Whose signatures count here. None: every promotion into it is refused."""
    deployment: str = "promote/pratique"
    """The Prefect deployment whose workers may reach this environment, so that its credentials live only there."""
    previewed: bool = True
    """Plan pull requests here: their templates are looked at with the credentials that this environment's settings name."""
    aws: AwsSettings = AwsSettings()
    targets: dict[Name, DockerTarget] = Field(default_factory=lambda: {"docker": DockerTarget()})

    @property
    def rollback_deployment(self) -> str:
        """The deployment that rolls back here: `rollback/prod` beside `promote/prod`."""
        return "rollback/" + self.deployment.rpartition("/")[2]


class ServiceSettings(Value):
    """What the operator knows of a service."""

    repository: str = Field(min_length=1, max_length=2000)
    """Where its commits come from, exactly as deliveries name it; no other repository can name the service."""
    images: tuple[str, ...] = ()
    """Repositories of a registry, such as its base image's, whose new tags concern the service."""
    rules: tuple[Rule, ...] | None = None
    """Which of its events start what; absent: `webhook.rules`."""


Secrets = Annotated[tuple[SecretText, ...], Field(min_length=1, max_length=2)]
"""The current one, and beside it the next or the last one while they are exchanged."""


def _can_be_told(forge: Forge) -> Forge:
    if forge not in (Forge.GITHUB, Forge.GITLAB, Forge.GITEA):
        raise ValueError(f"nothing is reported to {forge}: name github, gitlab or gitea")
    return forge


ToldForge = Annotated[Forge, AfterValidator(_can_be_told)]
"""A forge that takes reports."""


class ForgeSettings(Value):
    """A forge that is told what becomes of its events."""

    api: str = Field(pattern=r"^https?://[^/?#\s@]+(?:/[^?#\s]*)?$")
    """The address of its API: `https://api.github.com`, `https://gitlab.com/api/v4`, `https://git.example.com/api/v1`."""
    token: SecretText
    """With which commit statuses and comments are written."""
    account: str | None = Field(default=None, min_length=1)
    """The name of the token's account; absent: the forge is asked, which one of a GitHub App cannot (`my-app[bot]`)."""


class WebhookSettings(Value):
    """The intake of events; a forge without secrets cannot call."""

    secrets: dict[Forge, Secrets] = Field(default_factory=dict)
    """By which the calls of each forge and registry are authenticated."""
    secrets_kept: Span = timedelta(seconds=60)
    """How long they are used before Vault is asked again."""
    rules: tuple[Rule, ...] = USUAL_RULES
    """Which events start what, for services that have no rules of their own."""
    stale_after: Span = timedelta(minutes=5)
    """How old a call may be whose sender dates it."""
    largest_body: int = Field(default=4 * 1024**2, ge=1024, le=25 * 1024**2)
    """Bytes; GitHub sends 25 MiB at the most, for pushes of thousands of commits."""
    most_waiting: int = Field(default=10_000, ge=1)
    """Events; beyond it, calls are answered with 503 until some have been dispatched."""
    rate_per_address: int = Field(default=100, ge=1)
    """Calls in a second from one address."""
    rate: int = Field(default=1000, ge=1)
    """Calls in a second from all."""
    proxies: tuple[str, ...] = ()
    """Addresses of reverse proxies whose `X-Forwarded-For` is believed."""
    forges: dict[ToldForge, ForgeSettings] = Field(default_factory=dict)
    """Which forges are told what becomes of their events, and how."""
    previews_of_forks: bool = False
    """Preview pull requests, too, whose commits are on no branch of the repository itself, and so may be anybody's."""
    dispatchers: int = Field(default=2, ge=1, le=32)
    """Events that are dispatched at once."""
    lease: Span = timedelta(minutes=2)
    """How long the dispatch of one event may take before another dispatcher takes it over."""
    kept: Duration = timedelta(days=90)
    """How long events that have ended are kept, and so known."""


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
    environments: dict[Name, EnvironmentSettings] = Field(min_length=1)
    services: dict[Name, ServiceSettings] = Field(default_factory=dict)
    """Every service that may be delivered. None: every delivery is refused."""
    policies: tuple[Path, ...] = ()
    """Folders with gates of the operator's own, in Rego, which every promotion has to pass besides those that ship."""
    webhook: WebhookSettings = WebhookSettings()
    watch: WatchSettings = WatchSettings()
    unsafe_any_repository: bool = False
    """Let any repository name any service, whatever `services` lists; `pratique up` says so for the local stack alone."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file()))


def settings_file() -> Path:
    """The file that settings are read from."""
    return Path(os.environ.get("PRATIQUE_CONFIG", DEFAULT_FILE))


def load_settings() -> Settings:
    """The settings, or one error that names every problem at once."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        remedy = "run `pratique up` for a local stack, or name your file in PRATIQUE_CONFIG"
        raise Invalid(str(settings_file()), problems, remedy) from None
