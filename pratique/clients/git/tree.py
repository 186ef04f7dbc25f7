"""The tree of a commit: its entries as Git lists them, judged, and packed into a tar archive.

The archive is built here and not by `git archive`, which follows the commit's own `.gitattributes`: `export-ignore`
would leave files out, `export-subst` and `eol` would rewrite them. Here the bytes are the commit's, whatever it says of itself.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pratique.errors import Refused

FOLDER, FILE, EXECUTABLE, LINK, SUBMODULE = "040000", "100644", "100755", "120000", "160000"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LONGEST_POINTER = 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree; `mode` is Git's, `size` that of the content (0 for a folder)."""

    mode: str
    id: str
    size: int
    path: str


def parse_entries(listing: bytes) -> list[Entry]:
    """The entries of `git ls-tree -z -l` in Git's order, which is the same for the same tree."""
    return [_entry(line) for line in listing.split(b"\0") if line]


def parse_contents(batch: bytes, entries: Sequence[Entry]) -> dict[str, bytes]:
    """Path → content, from what `git cat-file --batch` writes for the entries: a header line, the content, a line break."""
    contents: dict[str, bytes] = {}
    position = 0
    for entry in entries:
        start = batch.find(b"\n", position) + 1
        if batch[position:start] != f"{entry.id} blob {entry.size}\n".encode():
            raise Refused(f"the content of {entry.path!a} is missing in the mirror: remove the cache of Git repositories")
        contents[entry.path] = batch[start : start + entry.size]
        position = start + entry.size + 1
    return contents


def doubts(entries: Sequence[Entry], contents: Mapping[str, bytes]) -> Iterator[str]:
    """Each reason why the tree cannot be handed out whole and safely; `contents` holds what links and files say."""
    for entry in entries:
        path = entry.path if entry.path.isprintable() else ascii(entry.path)
        if {"", ".", "..", ".git"} & set(entry.path.split("/")):
            yield f"{path} is no path a commit should hold: remove it"
        elif entry.mode == SUBMODULE:
            yield f"{path} is a submodule, whose content is not in this commit: copy what is needed into the repository"
        elif entry.mode == LINK and _leaves(entry.path, contents[entry.path]):
            yield f"{path} is a link that leaves the folder: link to something inside it, by a relative path"
        elif entry.mode in (FILE, EXECUTABLE) and _is_pointer(contents[entry.path]):
            yield f"{path} is a Git LFS pointer, whose content is not in this commit: store the file itself"


def tar_of(entries: Sequence[Entry], contents: Mapping[str, bytes], time: int) -> bytes:
    """A tar archive of the entries: times `time` (seconds since 1970), owner 0:0, the same bytes for the same tree."""
    packed = io.BytesIO()
    # GNU's format has no extended headers with times of their own, and leaves bytes that are not UTF-8 as they are.
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.path)
            info.mtime = time
            info.mode = 0o755 if entry.mode in (FOLDER, EXECUTABLE) else 0o644
            if entry.mode == FOLDER:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            elif entry.mode == LINK:
                info.type, info.mode = tarfile.SYMTYPE, 0o777
                info.linkname = contents[entry.path].decode(errors="surrogateescape")
                archive.addfile(info)
            else:
                info.size = entry.size
                archive.addfile(info, io.BytesIO(contents[entry.path]))
    return packed.getvalue()


def require_within(entries: Sequence[Entry], most_entries: int, most_bytes: int, what: str) -> None:
    """Refuse a tree that is larger than it may be, before any of it is read."""
    size = sum(entry.size for entry in entries)
    if len(entries) > most_entries or size > most_bytes:
        found = f"{len(entries):,} files and folders of {size:,} bytes"
        raise Refused(f"{what} holds {found}: {most_entries:,} of {most_bytes:,} bytes are the most that is taken")


def _entry(line: bytes) -> Entry:
    described, _, path = line.partition(b"\t")
    mode, _, identity, size = described.decode().split()
    return Entry(mode=mode, id=identity, size=0 if size == "-" else int(size), path=path.decode(errors="surrogateescape"))


def _leaves(path: str, target: bytes) -> bool:
    """Whether the link at `path` could lead out of the folder.

    Only leading `..` are exact: after a name, which may be a link itself, `..` leads somewhere else. So none is allowed there.
    """
    parts = [part for part in target.decode(errors="surrogateescape").split("/") if part not in ("", ".")]
    climbs = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    return target.startswith(b"/") or not target or ".." in parts[climbs:] or climbs > path.count("/")


def _is_pointer(content: bytes) -> bool:
    return len(content) < _LONGEST_POINTER and content.startswith(_LFS_POINTER)
