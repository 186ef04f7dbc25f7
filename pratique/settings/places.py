"""Settings of environments: where each one is, and whom it trusts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from pratique.settings.registry import RegistrySettings
from pratique.values._base import Value
from pratique.values.host import Host
from pratique.values.names import Name
from pratique.values.references import SecretText
from pratique.values.relocation import SAME, RepositoryPattern
from pratique.values.requirements import Exceptions, Requirements
from pratique.values.trust import Trusted


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
    address: Host = "127.0.0.1"
    """The host's name or IP address under which published ports are reached; on loopback they are published there alone."""
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
    gates: Requirements = Requirements()
    """What is asked of every service's releases here, besides what each asks itself."""
    after: tuple[Name, ...] = Field(default=(), max_length=16)
    """Environments that come before this one, whatever a service's `pratique.yaml` says: a release is granted there first."""
    exceptions: Exceptions | None = None
    """Who may let a gate be passed over here; absent: nobody."""
    hold_on: Literal["failure", "rollback", "never"] = "failure"
    """What lets nothing more come in by itself until a person lifts it: a release that failed or was gone back from; only a
    rollback that a person asked for; or nothing."""
    deployment: str = "promote/pratique"
    """The Prefect deployment whose workers may reach this environment, so that its credentials live only there."""
    repository: RepositoryPattern = SAME
    """Where the environment keeps copies, such as `prod/{repository}`; unchanged: none, unless in its own `registry`."""
    registry: RegistrySettings | None = None
    """The environment's own registry, for those copies; absent: they are in the one that everybody uses."""
    previewed: bool = True
    """Plan pull requests here: their templates are looked at with the credentials that this environment's settings name."""
    aws: AwsSettings = AwsSettings()
    targets: dict[Name, DockerTarget] = Field(default_factory=lambda: {"docker": DockerTarget()})

    def is_held_after(self, what: Literal["failure", "rollback"]) -> bool:
        """Whether that holds the environment."""
        return self.hold_on in ("failure", what)

    @property
    def keeps_copies(self) -> bool:
        """Whether releases are copied before they come in, and pulled from there."""
        return self.registry is not None or self.repository != SAME

    @property
    def rollback_deployment(self) -> str:
        """The deployment that rolls back here: `rollback/prod` beside `promote/prod`."""
        return "rollback/" + self.deployment.rpartition("/")[2]
