"""Forges: commit statuses, and comments on pull requests.

>>> with open_forge(Forge.GITHUB, settings, token) as forge:  # doctest: +SKIP
...     forge.set_status(repository, commit, ReportState.SUCCESS, context="pratique/deliver", description="delivered")
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pratique.clients.forge.gitea import GITEA
from pratique.clients.forge.github import GITHUB
from pratique.clients.forge.gitlab import GitLab
from pratique.clients.forge.issues import IssueForge
from pratique.clients.forge.wire import connected
from pratique.clients.ports.forge import ForgeClient
from pratique.settings import ForgeSettings
from pratique.values.event import Forge

__all__ = ["open_forge"]

_DIALECTS = {Forge.GITHUB: GITHUB, Forge.GITEA: GITEA}


@contextmanager
def open_forge(kind: Forge, settings: ForgeSettings, token: str) -> Iterator[ForgeClient]:
    """The forge that the settings name."""
    headers = {"PRIVATE-TOKEN": token} if kind is Forge.GITLAB else _DIALECTS[kind].headers(token)
    with connected(kind, settings.api, headers) as wire:
        if kind is Forge.GITLAB:
            yield GitLab(wire, settings.account)
        else:
            yield IssueForge(wire, _DIALECTS[kind], settings.account)
