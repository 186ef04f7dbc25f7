"""The port to a forge: commit statuses, and comments on pull requests."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from pratique.errors import Refused, Transient
from pratique.values.report import ReportState

LONGEST_DESCRIPTION = 140
"""Letters; GitHub answers 422 to more."""


class Denied(Refused):
    """The forge does not accept the token, or not for this: nothing gets through until its operator has mended that."""


class Limited(Transient):
    """The forge was asked too often; it may be asked again `after` some time."""

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message, after)
        self.after = after

    def __str__(self) -> str:
        return str(self.args[0])


class ForgeClient(Protocol):
    """One forge; `repository` is the address by which it is fetched, and names the project there."""

    def set_status(
        self, repository: str, commit: str, state: ReportState, *, context: str, description: str, url: str = ""
    ) -> None:
        """Let the commit have this status under the name `context`; nothing is sent where it has it already.

        A description that is too long is shortened.
        """
        ...

    def comment(self, repository: str, pull_request: int, marker: str, body: str) -> None:
        """Let the pull request have one comment of ours with this marker, which nobody sees, and this body.

        Once written it is changed; nothing is sent where it says so already. A comment that somebody else wrote is never taken
        for ours, whatever marker it carries.
        """
        ...
