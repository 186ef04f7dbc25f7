"""An event: what a forge or a registry announced, once it is authenticated and one of the operator's rules names it.

Of what was sent it holds the repository, the ref and the commit, and nothing else that could decide anything.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from pratique.values._base import Value
from pratique.values.names import Name
from pratique.values.report import Reported


class Forge(StrEnum):
    """Who announces: where repositories are, or images."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    """Forgejo as well."""
    BITBUCKET = "bitbucket"
    """Bitbucket Cloud."""
    DISTRIBUTION = "distribution"
    """The CNCF's registry, and those that notify as it does."""
    HARBOR = "harbor"


class EventKind(StrEnum):
    """What happened."""

    PUSH = "push"
    """A branch names another commit."""
    TAG = "tag"
    """A tag was pushed, or a release published."""
    PULL_REQUEST = "pull_request"
    """A pull or merge request was opened, or has other commits."""
    IMAGE = "image"
    """An image was pushed into a registry."""


class Action(StrEnum):
    """What an event starts."""

    DELIVER = "deliver"
    PREPARE = "prepare"
    PREVIEW = "preview"


Delivery = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$")]
"""By what the sender tells its calls apart; the same one again is the same event."""

Announced = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64}|sha256:[0-9a-f]{64})$")]
"""A full commit id; of an image, its digest."""


class Event(Value):
    """One event, and what it is to start by the rules that held when it came."""

    forge: Forge
    delivery: Delivery
    kind: EventKind
    service: Name
    repository: str = Field(min_length=1, max_length=2000)
    """The service's repository, as the settings have it and not as the sender wrote it."""
    ref: str = Field(min_length=1, max_length=255)
    """In full, such as `refs/heads/main`; of an image its name, such as `team/base:3.12`."""
    commit: Announced | None = None
    """None where the sender names none: then the one that the ref names when the event is dispatched."""
    pull_request: int | None = Field(default=None, ge=1, lt=2**31)
    """Its number."""
    action: Action
    through: Name | None = None
    """The last environment of a delivery; None goes through all of them."""
    branch: str | None = Field(default=None, max_length=255)
    """Of an image: the branch that is delivered because of it."""
    reports: bool = False
    """Its forge is told what becomes of it."""
    received_at: datetime

    @property
    def fingerprint(self) -> str:
        """What the event says, whoever carried it: two with the same one are one event."""
        return _digest(self.forge, self.repository, self.ref, self.commit or "", self.kind)

    @property
    def lane(self) -> str:
        """Events of one lane are dispatched in the order in which they came: those of one ref of one repository."""
        return _digest(self.repository, self.ref)


class EventState(StrEnum):
    """Where an event is; all but the first are final."""

    WAITING = "waiting"
    """Stored, and not dispatched yet."""
    STARTED = "started"
    """Its flow run is there."""
    SUPERSEDED = "superseded"
    """Nothing was started: a newer commit of the ref, or the same one, was dispatched before."""
    REFUSED = "refused"
    """Nothing was started: the reason says why."""


class InboxEvent(Value):
    """An event as the inbox has it."""

    number: int
    """In the order of arrival."""
    event: Event
    state: EventState
    reason: str = ""
    """Why it was refused or superseded, or why it still waits."""
    attempts: int = 0
    """How often it was tried to dispatch it."""
    due_at: datetime | None = None
    """Not to be tried before; None: at once."""
    run: str = ""
    """The id of its flow run."""
    run_url: str = ""
    finished_at: datetime | None = None
    commit: str = ""
    """The commit that it was decided about; empty while it waits, and where its forge is to be told nothing of it."""
    reported: Reported = Reported()
    """What its forge was told last."""


class Claim(Value):
    """The right to dispatch one event, for a while; a dispatcher that took it over has a higher `fence`."""

    held: InboxEvent
    holder: str
    fence: int
    expires_at: datetime
    """By the database's clock."""


class ReportClaim(Value):
    """The right to tell a forge of one event, for a while; fenced as a `Claim` is."""

    held: InboxEvent
    fence: int


class Backlog(Value):
    """How far the inbox is behind."""

    waiting: int
    unreported: int = 0
    """Events whose forge could not be told what became of them yet."""
    oldest: datetime | None = None
    """When the oldest event that still waits was received."""


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
