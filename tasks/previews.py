"""Previews: a commit that nobody has taken yet, looked at."""

from __future__ import annotations

from collections.abc import Sequence

from pratique.bootstrap import clients
from pratique.decisions.previews import preview_report
from pratique.errors import Refused
from pratique.pipeline import preview
from pratique.values.commit import Commit
from pratique.values.preview import EnvironmentPreview, PreviewedService
from tasks._retries import RETRY_INFRASTRUCTURE, RETRY_SOURCE
from tasks._step import inline_step, step, tell
from tasks.reports import artifact_key, tag_run, write_markdown


@inline_step(RETRY_SOURCE)
def find_commit_to_preview(repository: str, ref: str, commit: str | None) -> Commit:
    """The commit that `ref` names; refused where it is not the one asked for, or may be anybody's."""
    found = preview.commit_to_preview(clients(), repository, ref, commit)
    tell(f"{ref} is commit {found.short} by {found.author}: {found.subject}")
    return found


@inline_step(RETRY_SOURCE)
def preview_service(commit: Commit) -> PreviewedService:
    """The service at the commit, or everything that is wrong with it."""
    found = preview.preview_service(clients(), commit)
    for problem in found.problems:
        tell(problem)
    return found


@step("plan {name}", RETRY_INFRASTRUCTURE)
def preview_environment(commit: Commit, name: str) -> EnvironmentPreview:
    """What the environment's stacks would see; nothing is touched."""
    found = preview.preview_environment(clients(), commit, name)
    for change in found.changes:
        tell(f"{change.action} {change.kind} {change.name}: {change.detail}")
    for line in (*found.problems, found.reason):
        tell(f"{name}: {line}") if line else None
    return found


async def report_preview(
    commit: Commit, service: PreviewedService, environments: Sequence[EnvironmentPreview]
) -> list[EnvironmentPreview]:
    """The previews, described in an artifact of the run; refused with every problem."""
    await tag_run({f"commit:{commit.short}", *({f"service:{service.service}"} if service.service else ())})
    await write_markdown(
        preview_report(commit, service, environments),
        key=artifact_key("preview", service.service or "service", commit.short),
        description=f"{service.service or 'a service'}: what commit {commit.short} would change",
    )
    problems = [*service.problems, *(f"{one.environment}: {problem}" for one in environments for problem in one.problems)]
    if problems:
        raise Refused(*problems)
    return list(environments)
