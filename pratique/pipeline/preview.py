"""The preview of a commit that is not the repository's yet: read, planned, and left alone.

Nothing of it is built, run or stored. Its manifest and its templates are read, the templates planned by AWS with the
credentials of each environment's settings; secrets of the service are not read.
"""

from __future__ import annotations

from pratique.bootstrap import Clients
from pratique.errors import Refused
from pratique.pipeline.planning import plan_stacks
from pratique.pipeline.service import service_at
from pratique.values.commit import Commit
from pratique.values.environment import environment_of
from pratique.values.preview import EnvironmentPreview, PreviewedService


def commit_to_preview(clients: Clients, repository: str, ref: str, commit: str | None) -> Commit:
    """The commit that the ref names, which is `commit` where one is given; refused where it may be anybody's.

    A fork's commits are on a ref of the pull request, and on no branch and no tag of the repository itself.
    """
    source = clients.source()
    found = source.resolve(repository, ref)
    if commit is not None and found.id != commit:
        raise Refused(f"{ref} is at {found.short} by now, and not at {commit[:12]} any more")
    if not clients.settings.webhook.previews_of_forks:
        require_own(clients, repository, found.id)
    return found


def require_own(clients: Clients, repository: str, commit: str) -> None:
    """That a branch or a tag of the repository itself holds the commit."""
    try:
        clients.source().resolve(repository, commit)
    except Refused:
        raise Refused(
            f"commit {commit[:12]} is on no branch of the repository, as those of a fork are: "
            "push it to a branch here, or let its operator set webhook.previews_of_forks"
        ) from None


def preview_service(clients: Clients, commit: Commit) -> PreviewedService:
    """The service at the commit, or everything that is wrong with it."""
    try:
        manifest = service_at(clients, commit).manifest
        order = [name for generation in manifest.generations for name in generation]
    except Refused as refused:
        return PreviewedService(problems=refused.reasons)
    return PreviewedService(service=manifest.service, environments=tuple(order))


def preview_environment(clients: Clients, commit: Commit, name: str) -> EnvironmentPreview:
    """What the commit's stacks would change in the environment; each change set that was made to look is deleted again."""
    try:
        if not clients.place(name).previewed:
            return EnvironmentPreview(
                environment=name, reason=f"pull requests are not planned here (environments.{name}.previewed)"
            )
        service = service_at(clients, commit)
        environment = environment_of(service.manifest, name)
        plans, _ = plan_stacks(clients, environment, service.files)
    except Refused as refused:
        return EnvironmentPreview(environment=name, problems=refused.reasons)
    changes = tuple(change for plan in plans for change in plan.changes)
    reason = "" if changes else _no_change(len(plans))
    return EnvironmentPreview(environment=name, changes=changes, reason=reason)


def _no_change(stacks: int) -> str:
    return f"its {stacks} stack(s) are as desired" if stacks else "it has no infrastructure"
