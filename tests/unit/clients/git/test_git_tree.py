"""Trees: parsed, judged, packed."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pratique.clients.git.tree import FILE, FOLDER, LINK, Entry, doubts, parse_contents, parse_entries, require_within, tar_of
from pratique.errors import Refused

LISTING = (
    b"100644 blob aaaa       3\tREADME\0"
    b"040000 tree bbbb       -\tapp\0"
    b"100755 blob cccc      12\tapp/run me\twell\0"
    b"160000 commit dddd       -\tvendor\0"
)


def test_a_listing_is_its_entries() -> None:
    assert parse_entries(LISTING) == [
        Entry("100644", "aaaa", 3, "README"),
        Entry("040000", "bbbb", 0, "app"),
        Entry("100755", "cccc", 12, "app/run me\twell"),
        Entry("160000", "dddd", 0, "vendor"),
    ]
    assert parse_entries(b"") == []


@given(some.lists(some.binary(max_size=40), max_size=6))
def test_contents_are_told_apart_whatever_they_hold(contents: list[bytes]) -> None:
    entries = [Entry(FILE, "aa", len(content), str(index)) for index, content in enumerate(contents)]
    batch = b"".join(b"aa blob %d\n%s\n" % (len(content), content) for content in contents)
    assert list(parse_contents(batch, entries).values()) == contents


@pytest.mark.parametrize("batch", [b"", b"aa missing\n", b"bb blob 1\nx\n", b"aa blob 2\nxy\n", b"aa tree 1\nx\n"])
def test_content_that_is_not_the_entrys_is_refused(batch: bytes) -> None:
    with pytest.raises(Refused, match="is missing in the mirror"):
        parse_contents(batch, [Entry(FILE, "aa", 1, "a")])


@pytest.mark.parametrize("path", ["../x", "a/../b", "a//b", ".git", "a/.git/config", "."])
def test_a_path_no_commit_should_hold_is_doubted(path: str) -> None:
    assert "no path" in next(doubts([Entry(FILE, "aa", 0, path)], {path: b""}))


@pytest.mark.parametrize(
    ("path", "target", "stays"),
    [
        ("a", b"b", True),
        ("a", b"./b", True),
        ("a/b", b"../c", True),
        ("a/b/c", b"../../d", True),
        ("a", b"b/", True),
        ("a", b"..", False),
        ("a", b"../b", False),
        ("a/b", b"../../c", False),
        ("a", b"b/../c", False),
        ("a/b", b"./../../c", False),
        ("a", b"/b", False),
        ("a", b"", False),
    ],
)
def test_a_link_stays_inside_or_is_doubted(path: str, target: bytes, *, stays: bool) -> None:
    assert (not list(doubts([Entry(LINK, "aa", len(target), path)], {path: target}))) is stays


def test_a_name_in_no_encoding_is_kept_and_shown_safely() -> None:
    (entry,) = parse_entries(b"100644 blob aa 1\t\xff\x1bname\0")
    packed = tar_of([entry], {entry.path: b"x"}, 0)
    assert b"\xff\x1bname" in packed
    (reason,) = doubts([Entry("160000", "aa", 0, entry.path)], {})
    assert reason.isprintable()


def test_long_paths_and_old_times_fit_into_the_archive() -> None:
    entries = [Entry(FILE, "aa", 1, "d" * 150 + "/" + "f" * 200), Entry(FOLDER, "bb", 0, "empty")]
    with tarfile.open(fileobj=io.BytesIO(tar_of(entries, {entries[0].path: b"x"}, -5))) as archive:
        assert [(member.name, member.mtime) for member in archive] == [(entries[0].path, -5), ("empty", -5)]


@pytest.mark.parametrize(("most_entries", "most_bytes"), [(1, 100), (2, 9)])
def test_too_much_is_refused_before_it_is_read(most_entries: int, most_bytes: int) -> None:
    entries = [Entry(FILE, "aa", 5, "a"), Entry(FILE, "aa", 5, "b")]
    with pytest.raises(Refused, match=r"app holds 2 files and folders of 10 bytes"):
        require_within(entries, most_entries, most_bytes, "app")
