"""The port `Source` on the `git` command: commits found, files and folders read as the commit holds them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pratique.clients.git.mirror import NAMES, Mirror
from pratique.clients.git.tree import (
    FOLDER,
    LINK,
    SUBMODULE,
    Entry,
    doubts,
    parse_contents,
    parse_entries,
    require_within,
    tar_of,
)
from pratique.decisions.git_names import is_commit_id, looks_abbreviated, require_ref, require_repository
from pratique.errors import Invalid, Refused
from pratique.values.commit import Commit

FETCH_WITHIN = timedelta(minutes=10)
MOST_FILE_BYTES = 8 * 1024**2
MOST_MODULE_BYTES, MOST_MODULE_ENTRIES = 16 * 1024**2, 1_000
MOST_CONTEXT_BYTES, MOST_CONTEXT_ENTRIES = 512 * 1024**2, 100_000


class GitSource:
    """Git repositories, mirrored below the folder `cache`; may be shared by threads and processes."""

    def __init__(self, cache: Path, fetch_within: timedelta = FETCH_WITHIN) -> None:
        self._cache = cache
        self._fetch_within = fetch_within

    def resolve(self, repository: str, ref: str) -> Commit:
        """The commit that `ref` (branch, tag, full id or `refs/…`) names now.

        A full id counts only where a branch or a tag holds it, or where a local repository has it checked out: a host that
        shares objects between forks would otherwise give out a stranger's commit under this repository's name.
        """
        require_ref(ref)
        mirror = self._mirror(repository)
        if is_commit_id(ref):
            if not _is_on_a_name(mirror, ref):
                mirror.follow(NAMES)
            if not _is_on_a_name(mirror, ref):
                mirror.require_whole()
                raise Refused(f"{repository}: no branch and no tag holds commit {ref}: push it, or name another")
            return _commit(mirror, ref)
        places = _places(ref)
        mirror.follow(places, None if ref.startswith(NAMES) or places != [ref] else ref)
        return _commit(mirror, _named(mirror, ref))

    def head_contains(self, repository: str, ref: str, commit: str) -> bool:
        """Whether the commit is what `ref` names now, or one of its ancestors."""
        head = self.resolve(repository, ref)
        mirror = self._mirror(repository)
        return is_commit_id(commit) and mirror.answers("merge-base", "--is-ancestor", commit, head.id) is not None

    def file(self, commit: Commit, path: str) -> bytes:
        """The content of one file at the commit, 8 MiB at most; a link, a folder or nothing is refused."""
        mirror = self._mirror_with(commit)
        entry = _find(mirror, commit, path)
        if entry.mode in (FOLDER, LINK, SUBMODULE):
            kind = {FOLDER: "a folder", LINK: "a link", SUBMODULE: "a submodule"}[entry.mode]
            raise Refused(f"{path} is {kind} at commit {commit.short}: put the file itself there")
        require_within([entry], 1, MOST_FILE_BYTES, f"{path} at commit {commit.short}")
        return _contents(mirror, [entry])[entry.path]

    def files(self, commit: Commit, path: str) -> dict[str, bytes]:
        """The files below the folder at the commit, by path relative to it; 16 MiB at most, no links."""
        mirror = self._mirror_with(commit)
        entries = _list(mirror, commit, path)
        if links := [entry.path for entry in entries if entry.mode == LINK]:
            raise Refused(
                f"{path} at commit {commit.short} holds links: {', '.join(links[:5])}: put the files themselves there"
            )
        contents = _read(mirror, commit, path, entries, (MOST_MODULE_ENTRIES, MOST_MODULE_BYTES))
        return {entry.path: contents[entry.path] for entry in entries if entry.mode != FOLDER}

    def archive(self, commit: Commit, path: str) -> bytes:
        """A tar archive of the folder at the commit, entries relative to it; the same bytes for the same commit.

        Modes are 755 and 644 as Git knows them, times the commit's, owner 0:0. Attributes in the commit (`export-ignore`,
        `eol`) change nothing. Refused: submodules, Git LFS pointers, links that leave the folder, more than 512 MiB.
        """
        mirror = self._mirror_with(commit)
        entries = _list(mirror, commit, path)
        contents = _read(mirror, commit, path, entries, (MOST_CONTEXT_ENTRIES, MOST_CONTEXT_BYTES))
        return tar_of(entries, contents, commit.epoch)

    def _mirror(self, repository: str) -> Mirror:
        return Mirror(self._cache, require_repository(repository), self._fetch_within)

    def _mirror_with(self, commit: Commit) -> Mirror:
        mirror = self._mirror(commit.repository)
        if not mirror.holds(commit.id):
            mirror.fetch()
        if not mirror.holds(commit.id):
            raise Refused(f"{commit.repository}: no branch and no tag holds commit {commit.id} any more: push it again")
        return mirror


def _is_on_a_name(mirror: Mirror, commit: str) -> bool:
    if not mirror.holds(commit):
        return False
    return bool(mirror.answers("for-each-ref", "--count=1", f"--contains={commit}", *NAMES))


def _places(ref: str) -> list[str]:
    """Where the ref may be."""
    return [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]


def _named(mirror: Mirror, ref: str) -> str:
    """The commit's id that the ref names in the mirror."""
    places = _places(ref)
    objects = {place: found for place in places if (found := mirror.answers("rev-parse", "--verify", "--quiet", place))}
    if not objects:
        if looks_abbreviated(ref):
            raise Invalid(
                "ref", f"'{ref}' is neither a branch nor a tag of {mirror.repository}", "give all 40 digits of a commit"
            )
        raise Refused(f"{mirror.repository} has no branch and no tag '{ref}': push it, or name another")
    commits = {place: mirror.answers("rev-parse", "--verify", "--quiet", f"{place}^{{commit}}") for place in objects}
    if len(set(commits.values())) > 1:
        raise Refused(
            f"'{ref}' is a branch and a tag of {mirror.repository}, at different commits: write {' or '.join(places)}"
        )
    commit = next(iter(commits.values()))
    if commit is None:
        raise Refused(f"'{ref}' of {mirror.repository} names something that is no commit: name one that does")
    return commit


def _commit(mirror: Mirror, commit: str) -> Commit:
    written = mirror.read("log", "-1", "--no-show-signature", "--format=%an <%ae>%x00%ct%x00%s", commit, "--")
    author, time, subject = written.decode(errors="replace").rstrip("\n").split("\0")
    try:
        committed_at = datetime.fromtimestamp(int(time), UTC)
    except (ValueError, OverflowError, OSError):
        raise Refused(f"{mirror.repository}: commit {commit} has an impossible time: commit it again") from None
    return Commit(
        repository=mirror.repository, id=commit, author=_one_line(author), committed_at=committed_at, subject=_one_line(subject)
    )


def _one_line(text: str) -> str:
    # Names and subjects are anyone's to choose, and are shown on terminals: nothing that moves a cursor may stay.
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _find(mirror: Mirror, commit: Commit, path: str) -> Entry:
    """The entry at the path; never through a link, because Git's trees know nothing of links."""
    if path.startswith(("/", "-")) or ".." in path.split("/") or not path.isprintable():
        raise Invalid("path", f"{path!r} does not stay inside the repository", "write it relative to the root, without `..`")
    inside = posixpath.normpath(path)
    if inside == ".":
        return Entry(mode=FOLDER, id=mirror.read("rev-parse", f"{commit.id}^{{tree}}").decode().strip(), size=0, path=inside)
    entries = parse_entries(mirror.read("ls-tree", "-z", "-l", "--full-tree", commit.id, "--", inside))
    if not entries:
        raise Refused(f"{path} is not there at commit {commit.short} of {commit.repository}: commit it, or name another")
    return entries[0]


def _list(mirror: Mirror, commit: Commit, path: str) -> list[Entry]:
    """Everything below the folder."""
    folder = _find(mirror, commit, path)
    if folder.mode != FOLDER:
        raise Refused(f"{path} is no folder at commit {commit.short}: name one")
    return parse_entries(mirror.read("ls-tree", "-r", "-t", "-z", "-l", "--full-tree", folder.id))


def _read(mirror: Mirror, commit: Commit, path: str, entries: Sequence[Entry], most: tuple[int, int]) -> dict[str, bytes]:
    require_within(entries, *most, f"{path} at commit {commit.short}")
    contents = _contents(mirror, [entry for entry in entries if entry.mode not in (FOLDER, SUBMODULE)])
    if reasons := list(doubts(entries, contents)):
        raise Refused(*(f"commit {commit.short}, folder {path}: {reason}" for reason in reasons[:20]))
    return contents


def _contents(mirror: Mirror, entries: Sequence[Entry]) -> dict[str, bytes]:
    asked = "".join(f"{entry.id}\n" for entry in entries).encode()
    return parse_contents(mirror.read("cat-file", "--batch", stdin=asked), entries)
