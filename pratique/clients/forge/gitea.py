"""Gitea and Forgejo: the API that each instance documents at `/api/swagger`, and `routers/api/v1/repo` of their sources.

A status has its state in `status`, though it is set by `state`. All comments of an issue come in one page.
"""

from __future__ import annotations

from pratique.clients.forge.issues import Dialect
from pratique.values.report import ReportState

GITEA = Dialect(
    headers=lambda token: {"Authorization": f"token {token}", "Accept": "application/json"},
    states={
        ReportState.PENDING: "pending",
        ReportState.RUNNING: "pending",
        ReportState.SUCCESS: "success",
        ReportState.FAILURE: "failure",
        ReportState.ERROR: "error",
        ReportState.CANCELLED: "warning",
    },
    state="status",
    page={"limit": 50},
)
