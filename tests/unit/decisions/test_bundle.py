"""The infrastructure bundle: the same bytes from the same files, and nothing else is ever unpacked."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.decisions import bundle
from pratique.decisions.bundle import pack, unpack
from pratique.errors import Invalid, Refused
from pratique.values.digest import digest_of

FILES = {"pratique.yaml": b"service: hello\n", "infrastructure/queue/template.yaml": b"Resources: {}\n", "empty": b""}

# All that `str.isprintable` calls so, made and not looked for: what is looked for takes fifty times as long to find.
printable = st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" ", exclude_characters="/\\")
segments = st.text(printable, min_size=1, max_size=40).filter(lambda text: text not in (".", ".."))
paths = st.lists(segments, min_size=1, max_size=4).map("/".join)


def _no_folder_is_a_file(files: dict[str, bytes]) -> bool:
    return not any(other.startswith(f"{path}/") for path in files for other in files)


trees = st.dictionaries(paths, st.binary(max_size=2000), max_size=6).filter(_no_folder_is_a_file)


@settings(deadline=None)  # the machine may be busy
@given(trees)
def test_what_was_packed_is_unpacked(files: dict[str, bytes]) -> None:
    assert unpack(pack(files)) == files


@settings(deadline=None)
@given(trees, st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_count(files: dict[str, bytes], random: object) -> None:
    shuffled = list(files.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' own Random
    assert pack(dict(shuffled)) == pack(files)


@settings(deadline=None)
@given(st.binary(max_size=4000))
def test_any_bytes_at_all_are_unpacked_or_refused(content: bytes) -> None:
    for candidate in (content, gzip.compress(content, mtime=0)):
        try:
            unpack(candidate)
        except Refused:
            continue


@settings(deadline=None)
@given(st.data())
def test_a_damaged_archive_is_unpacked_or_refused(data: st.DataObject) -> None:
    archive = bytearray(gzip.decompress(pack(FILES)))
    for _ in range(data.draw(st.integers(1, 4))):
        archive[data.draw(st.integers(0, 2047))] = data.draw(st.integers(0, 255))
    # With its checksum put right, the damage reaches the fields that are read after it.
    for start in (0, 1024):
        header = archive[start : start + 512]
        header[148:156] = b" " * 8
        archive[start + 148 : start + 156] = b"%06o\0 " % sum(header)
    try:
        files = unpack(gzip.compress(bytes(archive), mtime=0))
    except Refused:
        return
    pack(files)


def test_the_bytes_are_those_of_the_first_version() -> None:
    content = pack(FILES)
    assert digest_of(gzip.decompress(content)) == "sha256:4ddf270dc8ebabc2fe793a9d0dba47767a74d77583732daff8a34d4332200ac8"
    # No time, no name; the operating system is not told (RFC 1952, section 2.3).
    assert content[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"


def test_members_tell_nothing_of_who_packed_them() -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(FILES))) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == sorted(FILES)
    assert {(m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0o644, 0, 0, "", "", 0)}


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def archive_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(stream.getvalue(), mtime=0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive_of(member("/etc/passwd")), "no path that is safe"),
        (archive_of(member("../above")), "no path that is safe"),
        (archive_of(member("a/../../above")), "no path that is safe"),
        (archive_of(member("a/./b")), "no path that is safe"),
        (archive_of(member("a//b")), "no path that is safe"),
        (archive_of(member("a\\b")), "no path that is safe"),
        (archive_of(member("a\nb")), "no path that is safe"),
        (archive_of(member("a/" * 300 + "b")), "no path that is safe"),
        (archive_of(member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd")), "no regular file"),
        (archive_of(member("a"), member("hard", type=tarfile.LNKTYPE, linkname="a")), "no regular file"),
        (archive_of(member("device", type=tarfile.BLKTYPE)), "no regular file"),
        (archive_of(member("pipe", type=tarfile.FIFOTYPE)), "no regular file"),
        (archive_of(member("folder", type=tarfile.DIRTYPE)), "no regular file"),
        (archive_of(member("a", b"1"), member("a", b"2")), "in it twice"),
        (archive_of(member("a", b"1"), member("a/b", b"2")), "a file and a folder at once"),
        (archive_of(*(member(f"f{number}") for number in range(2001))), "more than 2000 files"),
        (archive_of(member("large", bytes(16 * 1024 * 1024 + 1))), "more than 16777216 bytes"),
        (gzip.compress(bytes(200 * 1024 * 1024), mtime=0), "unpacks to more than"),
        (b"", "cannot be read"),
        (b"no gzip", "cannot be read"),
        (gzip.compress(b"", mtime=0), "cannot be read"),
        (gzip.compress(b"no tar" * 200, mtime=0), "cannot be read"),
        (pack(FILES)[:-1], "cut off"),
        (pack(FILES) + b"more", "something behind it"),
        (pack(FILES) + pack(FILES), "something behind it"),
        (gzip.compress(gzip.decompress(pack(FILES))[:1500], mtime=0), "cannot be read"),
        (gzip.compress(gzip.decompress(pack(FILES))[:1024], mtime=0), "cut off"),
        (gzip.compress(gzip.decompress(pack(FILES))[:-1] + b"x", mtime=0), "something between its files"),
    ],
)
def test_what_does_not_belong_into_a_bundle_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        unpack(content)


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end() -> None:
    archive = bytearray(gzip.decompress(pack(FILES)))
    second = archive.index(b"infrastructure/queue")
    archive[second] ^= 1
    with pytest.raises(Refused, match="something between its files"):
        unpack(gzip.compress(bytes(archive), mtime=0))


def test_extended_headers_without_end_are_refused() -> None:
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    with pytest.raises(Refused, match="cannot be read"):
        unpack(gzip.compress(header.tobuf() * 3000 + bytes(1024), mtime=0))


@pytest.mark.parametrize("path", ["", "/a", "../a", "a/..", "./a", "a/", "a//b", "a\0b", "a\\b", "\ud800", "a" * 513])
def test_a_path_that_would_be_refused_later_is_not_packed(path: str) -> None:
    with pytest.raises(Invalid, match="infrastructure bundle"):
        pack({path: b""})


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: {str(number): b"" for number in range(bundle.MOST_FILES + 1)}, "files"),
        (lambda: {"a": bytes(bundle.MOST_BYTES), "b": b"1"}, "bytes"),
    ],
)
def test_what_is_too_much_to_be_unpacked_is_not_packed(make: Callable[[], dict[str, bytes]], reason: str) -> None:
    with pytest.raises(Refused, match=f"more than .* {reason}"):
        pack(make())


def test_what_just_fits_is_unpacked() -> None:
    files = {
        f"{number:04}" + "\N{MUSICAL SYMBOL G CLEF}" * 508: bytes(bundle.MOST_BYTES // bundle.MOST_FILES)
        for number in range(bundle.MOST_FILES)
    }
    assert unpack(pack(files)) == files
