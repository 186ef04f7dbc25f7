"""The build context: a tar archive, less what `.dockerignore` excludes.

Semantics: https://docs.docker.com/build/concepts/context/#dockerignore-files. The engine itself does not look into
`.dockerignore`: whoever sends the context applies it.
"""

from __future__ import annotations

import io
import posixpath
import tarfile

from docker.utils.build import Pattern
from docker.utils.fnmatch import fnmatchcase

from pratique.clients.ports import ImageBuild
from pratique.errors import Invalid

_IGNORE = ".dockerignore"


def context_of(build: ImageBuild) -> bytes:
    """The tar archive to send; the Dockerfile and the ignore file itself always go with it."""
    section = build.section
    with tarfile.open(fileobj=io.BytesIO(build.context)) as archive:
        members = {_path(member): member for member in archive.getmembers()}
        if section.dockerfile not in members:
            raise Invalid(
                f"{build.service}: image {section.name}",
                f"no file {section.dockerfile!r} in the context {section.context!r} of commit {build.commit.short}",
                "correct `context` and `dockerfile`, or commit the file",
            )
        ignore = next((name for name in (f"{section.dockerfile}{_IGNORE}", _IGNORE) if name in members), None)
        source = archive.extractfile(members[ignore]) if ignore else None
        if source is None:
            return build.context
        patterns = parse_ignore(source.read().decode(errors="replace"))
        always = {section.dockerfile, ignore}
        kept = io.BytesIO()
        with tarfile.open(fileobj=kept, mode="w", format=tarfile.PAX_FORMAT) as filtered:
            for path, member in members.items():
                if path in always or not is_ignored(path, patterns):
                    filtered.addfile(member, archive.extractfile(member) if member.isreg() else None)
    return kept.getvalue()


def parse_ignore(text: str) -> list[Pattern]:
    """The patterns of an ignore file, in its order; comments, empty lines and the pattern `.` count for nothing."""
    lines = (line.strip() for line in text.lstrip("\ufeff").splitlines() if not line.startswith("#"))
    return [pattern for pattern in map(Pattern, filter(None, lines)) if pattern.dirs]


def is_ignored(path: str, patterns: list[Pattern]) -> bool:
    """Whether the last pattern that matches the path, or a folder above it, excludes it."""
    ignored = False
    parts = path.split("/")
    above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    for pattern in patterns:
        # Not Pattern.match, which takes upper and lower case for the same.
        if any(fnmatchcase(candidate, pattern.cleaned_pattern) for candidate in above):
            ignored = not pattern.exclusion
    return ignored


def _path(member: tarfile.TarInfo) -> str:
    return posixpath.normpath(member.name)
