"""GitLab: docs.gitlab.com/api/commits ("Commit status") and …/api/notes ("Merge requests").

A status is a job there, in a state machine that goes forward only: `pending`, `running`, and an end. Older versions answer 400
("Cannot transition status") to a state that the job has already, or had. After an end, the next status begins another job.
"""

from __future__ import annotations

from collections.abc import Iterator

from pratique.clients.forge.comments import Comment, keep_one
from pratique.clients.forge.project import full_path
from pratique.clients.forge.wire import Wire
from pratique.clients.ports.forge import LONGEST_DESCRIPTION
from pratique.decisions.telling import shortened
from pratique.errors import Refused
from pratique.values.report import ReportState

_STATES = {
    ReportState.PENDING: "pending",
    ReportState.RUNNING: "running",
    ReportState.SUCCESS: "success",
    ReportState.FAILURE: "failed",
    ReportState.ERROR: "failed",
    ReportState.CANCELLED: "canceled",
}
_UNMOVED = "Cannot transition status"
_PAGE = {"per_page": 100}


class GitLab:
    """One GitLab; use `open_forge`."""

    def __init__(self, wire: Wire, account: str | None) -> None:
        self._wire, self._account = wire, account

    def set_status(
        self, repository: str, commit: str, state: ReportState, *, context: str, description: str, url: str = ""
    ) -> None:
        project = self._project(repository)
        told = {"description": shortened(description, LONGEST_DESCRIPTION), "target_url": url}
        wanted = {"name": context, "state": _STATES[state], **{name: text for name, text in told.items() if text}}
        if wanted in self._statuses(project, commit, context):
            return
        try:
            self._wire.ask("POST", f"{project}/statuses/{commit}", body=wanted)
        except Refused as refused:
            if _UNMOVED not in str(refused):
                raise

    def comment(self, repository: str, pull_request: int, marker: str, body: str) -> None:
        place = f"{self._project(repository)}/merge_requests/{pull_request}/notes"
        found = keep_one(self._notes(place), marker, body, self._account_name)
        if found.change is not None:
            self._wire.ask("PUT", f"{place}/{found.change}", body={"body": found.body})
        elif found.is_missing:
            self._wire.ask("POST", place, body={"body": found.body})

    def _project(self, repository: str) -> str:
        return f"/projects/{full_path(repository, self._wire.path.rstrip('/').removesuffix('/api/v4'))}"

    def _statuses(self, project: str, commit: str, context: str) -> list[dict[str, str]]:
        """The newest status of this name in each of the commit's pipelines."""
        place = f"{project}/repository/commits/{commit}/statuses"
        return [
            {"name": one["name"], "state": one["status"]}
            | {field: one[field] for field in ("description", "target_url") if one.get(field)}
            for page in self._wire.pages(place, {**_PAGE, "name": context})
            for one in page
        ]

    def _notes(self, place: str) -> Iterator[Comment]:
        for page in self._wire.pages(place, {**_PAGE, "sort": "asc", "order_by": "created_at"}):
            for note in page:
                yield Comment(id=note["id"], author=(note.get("author") or {}).get("username", ""), body=note.get("body") or "")

    def _account_name(self) -> str:
        if self._account is None:
            self._account = str(self._wire.ask("GET", "/user")["username"])
        return self._account
