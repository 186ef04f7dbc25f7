"""A Git repository."""

from __future__ import annotations

from typing import Protocol

from pratique.values.commit import Commit


class Source(Protocol):
    """A Git repository."""

    def resolve(self, repository: str, ref: str) -> Commit:
        """The commit that `ref` (branch, tag, full id or `refs/…`) names now; a full id only if a branch or tag holds it."""
        ...

    def head_contains(self, repository: str, ref: str, commit: str) -> bool:
        """Whether the commit (full id) is what `ref` names now, or one of its ancestors."""
        ...

    def file(self, commit: Commit, path: str) -> bytes:
        """The content of one file at the commit; a link, a folder or nothing is refused."""
        ...

    def files(self, commit: Commit, path: str) -> dict[str, bytes]:
        """The files below a folder at the commit, by path relative to it; links are refused."""
        ...

    def archive(self, commit: Commit, path: str) -> bytes:
        """A tar archive of the folder at the commit, entries relative to it, modification times the commit's.

        The same bytes for the same commit. Refused: submodules, Git LFS pointers, links that leave the folder.
        """
        ...
