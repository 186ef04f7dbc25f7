"""GitHub's API, and Gitea's and Forgejo's, which were made after it: pull requests are issues that have commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pratique.clients.forge.comments import Comment, keep_one
from pratique.clients.forge.project import owner_and_name
from pratique.clients.forge.wire import Wire
from pratique.clients.ports.forge import LONGEST_DESCRIPTION
from pratique.decisions.telling import shortened
from pratique.values.report import ReportState


@dataclass(frozen=True)
class Dialect:
    """In what they differ."""

    headers: Callable[[str], Mapping[str, str]]
    """Made of the token."""
    states: Mapping[ReportState, str]
    state: str
    """The field of a status that holds its state."""
    page: Mapping[str, int]
    """How many one page is to hold."""


class IssueForge:
    """One forge; use `open_forge`."""

    def __init__(self, wire: Wire, dialect: Dialect, account: str | None) -> None:
        self._wire, self._dialect, self._account = wire, dialect, account

    def set_status(
        self, repository: str, commit: str, state: ReportState, *, context: str, description: str, url: str = ""
    ) -> None:
        project = f"/repos/{owner_and_name(repository)}"
        wanted = {
            "state": self._dialect.states[state],
            "context": context,
            "description": shortened(description, LONGEST_DESCRIPTION),
            "target_url": url,
        }
        if self._status(project, commit, context) != wanted:
            self._wire.ask("POST", f"{project}/statuses/{commit}", body=wanted)

    def comment(self, repository: str, pull_request: int, marker: str, body: str) -> None:
        project = f"/repos/{owner_and_name(repository)}"
        place = f"{project}/issues/{pull_request}/comments"
        found = keep_one(self._comments(place), marker, body, self._account_name)
        if found.change is not None:
            self._wire.ask("PATCH", f"{project}/issues/comments/{found.change}", body={"body": found.body})
        elif found.is_missing:
            self._wire.ask("POST", place, body={"body": found.body})

    def _status(self, project: str, commit: str, context: str) -> dict[str, str] | None:
        """What the commit has under this name now; the combined status has the newest one of each name."""
        for page in self._wire.pages(f"{project}/commits/{commit}/status", self._dialect.page):
            for status in page.get("statuses") or ():
                if status.get("context") == context:
                    told = {name: status.get(name) or "" for name in ("context", "description", "target_url")}
                    return {"state": status.get(self._dialect.state), **told}
        return None

    def _comments(self, place: str) -> Iterator[Comment]:
        for page in self._wire.pages(place, self._dialect.page):
            yield from (_comment(one) for one in page)

    def _account_name(self) -> str:
        if self._account is None:
            self._account = str(self._wire.ask("GET", "/user")["login"])
        return self._account


def _comment(told: Mapping[str, Any]) -> Comment:
    return Comment(id=told["id"], author=(told.get("user") or {}).get("login", ""), body=told.get("body") or "")
