"""A passage: a promotion that holds its environment's lock, with everything its steps need to know."""

from __future__ import annotations

from pratique.values._base import Value
from pratique.values.checks import CheckResult
from pratique.values.environment import Environment
from pratique.values.lease import Lease
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease


class Passage(Value):
    """One release on its way into one environment, under one fence."""

    promotion: Promotion
    stored: StoredRelease
    environment: Environment
    lease: Lease
    """The lock, as it was taken; every write to the environment carries its fence."""


class Established(Value):
    """A release that serves in an environment, every check passed."""

    address: str
    """Where the workload is reached."""
    checks: tuple[CheckResult, ...] = ()
