"""Who may call: for each forge and registry how it proves itself, and how its calls are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pratique.values.event import Forge
from pratique.values.heard import Call
from pratique.webhook.authentication import Headers
from pratique.webhook.providers import bitbucket, distribution, gitea, github, gitlab, harbor

Authenticate = Callable[[Headers, bytes, Sequence[str], datetime, timedelta], None]
"""Headers, body, the secrets that are valid, the time, and how old a dated call may be; raises `Unauthenticated`."""
Read = Callable[[Headers, bytes], Call]
"""Headers and body; raises `Invalid`, and nothing else whatever they are."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One kind of caller."""

    authenticate: Authenticate
    read: Read


PROVIDERS: Mapping[Forge, Provider] = {
    Forge.GITHUB: Provider(github.authenticate, github.read),
    Forge.GITLAB: Provider(gitlab.authenticate, gitlab.read),
    Forge.GITEA: Provider(gitea.authenticate, gitea.read),
    Forge.BITBUCKET: Provider(bitbucket.authenticate, bitbucket.read),
    Forge.DISTRIBUTION: Provider(distribution.authenticate, distribution.read),
    Forge.HARBOR: Provider(harbor.authenticate, harbor.read),
}
