"""A Git repository in memory, and the words in which tests write commits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pratique.clients.git.tree import EXECUTABLE, FILE, FOLDER, LINK, SUBMODULE, Entry, doubts, tar_of
from pratique.decisions.git_names import is_commit_id, looks_abbreviated, require_ref, require_repository
from pratique.errors import Invalid, Refused
from pratique.values.commit import Commit

FIRST_TIME = 1_700_000_000
"""The first commit's time in seconds since 1970; each further one is a minute later."""
AUTHOR = "Ada Lovelace <ada@example.org>"


@dataclass(frozen=True)
class Executable:
    content: bytes


@dataclass(frozen=True)
class Link:
    target: str


@dataclass(frozen=True)
class Submodule:
    commit: str = "a" * 40


Item = bytes | Executable | Link | Submodule
Tree = Mapping[str, Item]


@dataclass
class FakeSource:
    """One repository; commits are added with `commit`, names with `branch` and `tag`."""

    repository: str = "https://git.example.org/hello.git"
    commits: dict[str, tuple[Commit, Tree, str | None]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> FakeSource:
        return self

    def commit(self, tree: Tree, *, branch: str = "main", subject: str = "Change", author: str = AUTHOR) -> str:
        parent = self.refs.get(f"refs/heads/{branch}")
        time = FIRST_TIME + 60 * len(self.commits)
        identity = hashlib.sha1(
            repr((sorted(tree.items()), parent, time, subject, author)).encode(), usedforsecurity=False
        ).hexdigest()
        made = Commit(
            repository=self.repository,
            id=identity,
            author=author,
            committed_at=datetime.fromtimestamp(time, UTC),
            subject=subject,
        )
        self.commits[identity] = (made, tree, parent)
        self.refs[f"refs/heads/{branch}"] = identity
        return identity

    def name(self, ref: str, commit: str | None) -> None:
        """Let the ref (`refs/…`) name the commit; None takes it away."""
        if commit is None:
            del self.refs[ref]
        else:
            self.refs[ref] = commit

    def resolve(self, repository: str, ref: str) -> Commit:
        require_ref(ref)
        if require_repository(repository) != self.repository:
            raise Refused(f"{repository}: there is no Git repository")
        if is_commit_id(ref):
            if not any(
                ref in self._history(head) for name, head in self.refs.items() if name.startswith(("refs/heads/", "refs/tags/"))
            ):
                raise Refused(f"{repository}: no branch and no tag holds commit {ref}")
            return self.commits[ref][0]
        places = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        found = {self.refs[place] for place in places if place in self.refs}
        if not found and looks_abbreviated(ref):
            raise Invalid("ref", f"'{ref}' is neither a branch nor a tag of {repository}", "give all 40 digits")
        if not found:
            raise Refused(f"{repository} has no branch and no tag '{ref}'")
        if len(found) > 1:
            raise Refused(f"'{ref}' is a branch and another commit's tag: write {' or '.join(places)}")
        return self.commits[found.pop()][0]

    def head_contains(self, repository: str, ref: str, commit: str) -> bool:
        return commit in self._history(self.resolve(repository, ref).id)

    def file(self, commit: Commit, path: str) -> bytes:
        item = self._tree(commit, path).get(path)
        if isinstance(item, Link):
            raise Refused(f"{path} is a link at commit {commit.short}")
        if item is None or isinstance(item, Submodule):
            raise Refused(f"{path} is not there at commit {commit.short}, or is a folder")
        return _content(item)

    def files(self, commit: Commit, path: str) -> dict[str, bytes]:
        entries, contents = self._below(commit, path)
        if any(entry.mode == LINK for entry in entries):
            raise Refused(f"{path} holds links")
        return contents

    def archive(self, commit: Commit, path: str) -> bytes:
        return tar_of(*self._below(commit, path), commit.epoch)

    def _history(self, commit: str | None) -> list[str]:
        found = []
        while commit is not None:
            found.append(commit)
            commit = self.commits[commit][2]
        return found

    def _tree(self, commit: Commit, path: str) -> Tree:
        if path.startswith(("/", "-")) or ".." in path.split("/"):
            raise Invalid("path", f"{path!r} does not stay inside the repository")
        return self.commits[commit.id][1]

    def _below(self, commit: Commit, path: str) -> tuple[list[Entry], dict[str, bytes]]:
        prefix = "" if path == "." else f"{path}/"
        tree = {name.removeprefix(prefix): item for name, item in self._tree(commit, path).items() if name.startswith(prefix)}
        if not tree:
            raise Refused(f"{path} is no folder at commit {commit.short}, or is not there")
        contents = {name: _content(item) for name, item in tree.items() if not isinstance(item, Submodule)}
        folders = {"/".join(name.split("/")[:depth]) for name in tree for depth in range(1, name.count("/") + 1)}
        entries = [Entry(mode_of(item), "", len(contents.get(name, b"")), name) for name, item in tree.items()]
        entries += [Entry(FOLDER, "", 0, folder) for folder in folders]
        entries.sort(key=lambda entry: entry.path + "/" * (entry.mode == FOLDER))
        if reasons := list(doubts(entries, contents)):
            raise Refused(*reasons)
        return entries, contents


def mode_of(item: Item) -> str:
    return {Executable: EXECUTABLE, Link: LINK, Submodule: SUBMODULE}.get(type(item), FILE)


def _content(item: Item) -> bytes:
    if isinstance(item, Link):
        return item.target.encode()
    return item.content if isinstance(item, Executable) else item if isinstance(item, bytes) else b""
