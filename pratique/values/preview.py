"""Previews: what a commit that nobody has taken yet would change, looked at and left alone."""

from __future__ import annotations

from pratique.values._base import Value
from pratique.values.names import Name
from pratique.values.plan import Change


class PreviewedService(Value):
    """A commit's `pratique.yaml`, as far as a preview speaks of it."""

    service: str = ""
    """Empty where it could not be read."""
    environments: tuple[Name, ...] = ()
    """Upstream first."""
    problems: tuple[str, ...] = ()
    """What is wrong with it: each with file, line and remedy."""


class EnvironmentPreview(Value):
    """What one environment's infrastructure would see."""

    environment: Name
    changes: tuple[Change, ...] = ()
    reason: str = ""
    """Why there are no changes."""
    problems: tuple[str, ...] = ()
    """Why it could not be looked at, or what would be refused."""
