"""The preview of a commit, as Markdown for its run and its pull request.

Whoever opens a pull request chooses what stands here, so all of it is text: no markup, no mention of anybody,
and no line that begins with it, because GitLab obeys lines that begin with a slash.
"""

from __future__ import annotations

from collections.abc import Sequence

from pratique.decisions.reports import escaped
from pratique.values.commit import Commit
from pratique.values.plan import Change
from pratique.values.preview import EnvironmentPreview, PreviewedService

MOST_ROWS = 100
"""For one environment; a table that is longer is read by nobody."""
_INVISIBLE = "\u200b"
_FOOT = (
    "Compared with what each environment holds now. "
    "Nothing was built, changed or granted; images are built once this is merged."
)


def preview_report(commit: Commit, service: PreviewedService, environments: Sequence[EnvironmentPreview]) -> str:
    """What would change in each environment, or why that cannot be said."""
    subject = f"{service.service} " if service.service else ""
    lines = [f"### What {subject}{commit.short} would change", ""]
    if service.problems:
        lines += ["Nothing can be planned before this is mended:", "", *_list(service.problems)]
    for preview in environments:
        lines += [f"#### {_plain(preview.environment)}", "", *_environment(preview), ""]
    if environments:
        lines += [_FOOT]
    return "\n".join(lines).rstrip() + "\n"


def _environment(preview: EnvironmentPreview) -> list[str]:
    if preview.problems:
        return ["It would be refused:", "", *_list(preview.problems)]
    if not preview.changes:
        return [f"Nothing to do, because {_plain(preview.reason)}"]
    rows = [_row(change) for change in preview.changes[:MOST_ROWS]]
    more = len(preview.changes) - MOST_ROWS
    return ["| | what | how |", "|---|---|---|", *rows, *([f"| | and {more} more | |"] if more > 0 else [])]


def _row(change: Change) -> str:
    return f"| {change.action} | {change.kind} {_plain(change.name)} | {_plain(change.detail)} |"


def _list(problems: Sequence[str]) -> list[str]:
    return [f"- {_plain(problem)}" for problem in problems]


def _plain(text: str) -> str:
    return escaped(text).replace("@", f"@{_INVISIBLE}")
