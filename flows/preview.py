"""Preview: what a commit that nobody has taken yet would change, said on its pull request."""

import asyncio
from typing import Any

from prefect import flow

from tasks._outcome import told
from tasks.parameters import CommitId, PullRequestRef, Repository
from tasks.previews import find_commit_to_preview, preview_environment, preview_service, report_preview


@flow(name="preview", flow_run_name="{repository} @ {ref}")
@told
async def preview(repository: Repository, ref: PullRequestRef, commit: CommitId = None) -> Any:
    """Say what each environment's infrastructure would see; nothing is built, changed or granted."""
    found = await find_commit_to_preview(repository, ref, commit)
    service = await preview_service(found)
    looked = await asyncio.gather(*(preview_environment(found, name) for name in service.environments))
    return await report_preview(found, service, looked)
