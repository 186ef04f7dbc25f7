"""GitHub: docs.github.com, "REST API endpoints for commit statuses", "… for issue comments", "Rate limits for the REST API"."""

from __future__ import annotations

from pratique.clients.forge.issues import Dialect
from pratique.values.report import ReportState

_VERSION = "2022-11-28"

GITHUB = Dialect(
    headers=lambda token: {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": _VERSION,
    },
    states={
        ReportState.PENDING: "pending",
        ReportState.RUNNING: "pending",
        ReportState.SUCCESS: "success",
        ReportState.FAILURE: "failure",
        ReportState.ERROR: "error",
        ReportState.CANCELLED: "error",
    },
    state="state",
    page={"per_page": 100},
)
