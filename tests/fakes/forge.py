"""A forge in memory, keeping the contract of `ForgeClient`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from pratique.clients.ports.forge import LONGEST_DESCRIPTION, Denied, Limited
from pratique.errors import Refused, Transient
from pratique.values.report import ReportState


@dataclass
class Told:
    """A status as somebody reads it."""

    state: str
    description: str
    url: str


@dataclass
class Written:
    """A comment as somebody reads it."""

    author: str
    marker: str
    body: str


@dataclass
class FakeForge:
    """One repository; every commit is known, unless `commits` names those that are."""

    repository: str = "https://git.example.test/team/hello.git"
    commits: set[str] | None = None
    history: list[tuple[str, str, Told]] = field(default_factory=list)
    """Commit, context and status, in the order in which they were sent."""
    comments: dict[int, list[Written]] = field(default_factory=dict)
    changes: int = 0
    fails: Exception | None = None

    def set_status(
        self, repository: str, commit: str, state: ReportState, *, context: str, description: str, url: str = ""
    ) -> None:
        self._require_answer(repository, commit)
        line = " ".join(description.split())
        told = Told(state, line if len(line) <= LONGEST_DESCRIPTION else f"{line[: LONGEST_DESCRIPTION - 1].rstrip()}…", url)
        if self.status(commit, context) != told:
            self.history.append((commit, context, told))
            self.changes += 1

    def comment(self, repository: str, pull_request: int, marker: str, body: str) -> None:
        self._require_answer(repository)
        for written in self.comments.setdefault(pull_request, []):
            if (written.author, written.marker) == ("pratique", marker):
                self.changes += written.body != body
                written.body = body
                return
        self.comments[pull_request].append(Written("pratique", marker, body))
        self.changes += 1

    def status(self, commit: str, context: str) -> Told | None:
        found = [told for one, name, told in self.history if (one, name) == (commit, context)]
        return found[-1] if found else None

    # What a test arranges.

    def revoke(self) -> None:
        self.fails = Denied("the forge does not accept the token")

    def limit(self, seconds: int) -> None:
        self.fails = Limited("the forge was asked too often", timedelta(seconds=seconds))

    def break_down(self) -> None:
        self.fails = Transient("the forge did not answer")

    def mend(self) -> None:
        self.fails = None

    def _require_answer(self, repository: str, commit: str | None = None) -> None:
        if self.fails is not None:
            raise self.fails
        if repository != self.repository:
            raise Refused("the forge has no such repository, or the token may not see it")
        if commit is not None and self.commits is not None and commit not in self.commits:
            raise Refused("the forge has no such commit")
