"""A commit: the point in source control that a release is made of."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from pratique.values._base import Value
from pratique.values.names import CommitId


class Commit(Value):
    """One commit of one repository, as Git records it."""

    repository: str = Field(min_length=1, max_length=2000)
    """The URL or path the commit was fetched from, without credentials."""
    id: CommitId
    author: str
    """`Name <address>`, as the commit says; the author that separation of duties compares approvers with."""
    committed_at: datetime
    """The committer's time: the `created` time of everything built from this commit."""
    subject: str
    """The first line of the message."""

    @property
    def short(self) -> str:
        """The first twelve digits, for people."""
        return self.id[:12]

    @property
    def epoch(self) -> int:
        """Seconds since 1970, as `SOURCE_DATE_EPOCH` (reproducible-builds.org) wants it."""
        return int(self.committed_at.timestamp())
