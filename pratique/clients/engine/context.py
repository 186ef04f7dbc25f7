"""The build context: a tar archive, less what `.dockerignore` excludes.

Semantics: https://docs.docker.com/build/concepts/context/#dockerignore-files. The engine itself does not look into
`.dockerignore`: whoever sends the context applies it.
"""

from __future__ import annotations

import io
import posixpath
import tarfile

from pratique.clients.engine.ignore import Ignore
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
        patterns = Ignore(source.read().decode(errors="replace"), f"{ignore} of commit {build.commit.short}")
        always = {section.dockerfile, ignore}
        kept = io.BytesIO()
        with tarfile.open(fileobj=kept, mode="w", format=tarfile.PAX_FORMAT) as filtered:
            for path, member in members.items():
                if path in always or not patterns.ignores(path):
                    filtered.addfile(member, archive.extractfile(member) if member.isreg() else None)
    return kept.getvalue()


def _path(member: tarfile.TarInfo) -> str:
    return posixpath.normpath(member.name)
