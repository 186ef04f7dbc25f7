"""Settings of services and of the intake of their events."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from pratique.values._base import Value
from pratique.values.duration import Duration, Span
from pratique.values.event import Forge
from pratique.values.references import SecretText
from pratique.values.rules import USUAL_RULES, Rule


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
