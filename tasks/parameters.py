"""The parameters of the flows, as the Prefect UI shows them in its forms.

None of them is ever a secret: the API stores them as they are.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from pratique.values.digest import DIGEST_PATTERN
from pratique.values.names import NAME_PATTERN


def _shown(title: str, description: str, **bounds: Any) -> Any:
    """A field of the form.

    Prefect makes a field of its own around it, whose title is the parameter's name and whose description is empty;
    of ours only the bounds and `json_schema_extra` are left, and that has the last word.
    """
    return Field(json_schema_extra={"title": title, "description": description}, **bounds)


Repository = Annotated[
    str,
    _shown(
        "Repository",
        "Git URL or path of the service's repository, as the worker reaches it; without credentials.",
        examples=["https://git.example.com/team/hello.git"],
        min_length=1,
        max_length=2000,
    ),
]
Ref = Annotated[str, _shown("Ref", "Branch, tag or full commit id.", examples=["main", "v1.4.0"], min_length=1, max_length=255)]
PullRequestRef = Annotated[
    str,
    _shown(
        "Ref",
        "Where the commit is: a branch, or the ref of a pull request such as refs/pull/7/head.",
        examples=["refs/pull/7/head", "refs/merge-requests/7/head", "feature"],
        min_length=1,
        max_length=255,
    ),
]
CommitId = Annotated[
    str | None,
    _shown(
        "Commit",
        "The full id that the ref must be at; empty takes whichever it is at.",
        pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$",
    ),
]
ServiceName = Annotated[str, _shown("Service", "The service, as its pratique.yaml names it.", pattern=NAME_PATTERN)]
ReleaseDigest = Annotated[
    str, _shown("Release", "Digest of the release; `pratique releases` lists them.", pattern=DIGEST_PATTERN)
]
OneService = Annotated[str | None, _shown("Service", "Only this service; empty looks at all of them.", pattern=NAME_PATTERN)]
OneEnvironment = Annotated[
    str | None, _shown("Environment", "Only this environment; empty looks at all of them.", pattern=NAME_PATTERN)
]
DryRun = Annotated[bool, _shown("Dry run", "Say what would happen, and change nothing.")]
OnlyForesee = Annotated[bool, _shown("Dry run", "Only say what would be decided and changed; touch nothing.")]
EnvironmentName = Annotated[str, _shown("Environment", "One environment of the release's pratique.yaml.", pattern=NAME_PATTERN)]
LastEnvironment = Annotated[
    str | None, _shown("Through", "Stop after this environment; empty goes through all of them.", pattern=NAME_PATTERN)
]
RequestedBy = Annotated[str, _shown("Requested by", "Who asks, for the record; it authorises nothing.", max_length=200)]
Reason = Annotated[str, _shown("Reason", "Why; it stays in the history of the environment.", min_length=3, max_length=1000)]
EarlierRelease = Annotated[
    str | None,
    _shown(
        "Release",
        "A release that was granted here before; empty takes the one before the present one.",
        pattern=DIGEST_PATTERN,
    ),
]
