"""Layers: checked, then the same for every build."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from pratique.clients.engine.layers import Layer, portable_layer
from pratique.errors import Refused
from pratique.values.digest import digest_of

EPOCH = 1_700_000_000


def layer_of(*times: float, tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tar_format) as tar:
        for number, time in enumerate(times):
            entry = tarfile.TarInfo(f"folder/file-{number}")
            entry.size, entry.mode, entry.mtime, entry.uid = 4, 0o750, time, 1000
            tar.addfile(entry, io.BytesIO(b"data"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname, link.mtime = tarfile.SYMTYPE, "folder/file-0", EPOCH
        link.pax_headers = {"SCHILY.xattr.user.note": "kept"} if tar_format == tarfile.PAX_FORMAT else {}
        tar.addfile(link)
    return archive.getvalue()


def made(content: bytes, expected: bytes, folder: Path) -> Layer:
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    saved = scratch / "layer-0"
    saved.write_bytes(content)
    return portable_layer(saved, digest_of(expected), EPOCH, folder, scratch)


def test_a_layer_without_later_times_stays_as_it_is(tmp_path: Path) -> None:
    content = layer_of(EPOCH, EPOCH - 100, tar_format=tarfile.GNU_FORMAT)
    layer = made(content, content, tmp_path)
    assert layer.diff_id == digest_of(content)
    assert gzip.decompress(layer.file.file.read_bytes()) == content


def test_later_times_become_the_commits_and_everything_else_stays(tmp_path: Path) -> None:
    content = layer_of(EPOCH + 1000, EPOCH - 5, EPOCH + 0.5)
    layer = made(content, content, tmp_path)
    with tarfile.open(layer.file.file) as tar:
        members = tar.getmembers()
        assert [member.mtime for member in members] == [EPOCH, EPOCH - 5, EPOCH, EPOCH]
        assert {(member.mode, member.uid, member.size) for member in members[:3]} == {(0o750, 1000, 4)}
        assert members[3].pax_headers["SCHILY.xattr.user.note"] == "kept"
    assert layer.diff_id == digest_of(gzip.decompress(layer.file.file.read_bytes()))


def test_two_builds_that_differ_in_later_times_are_the_same_layer(tmp_path: Path) -> None:
    one, two = layer_of(EPOCH + 7), layer_of(EPOCH + 8000)
    assert made(one, one, tmp_path / "1").file.digest == made(two, two, tmp_path / "2").file.digest


def test_a_layer_that_is_compressed_already_is_compressed_anew(tmp_path: Path) -> None:
    content = layer_of(EPOCH)
    packed = gzip.compress(content, compresslevel=1, mtime=0)
    assert made(packed, content, tmp_path / "1").file.digest == made(content, content, tmp_path / "2").file.digest


def test_the_file_is_named_by_its_digest_and_holds_no_name_and_no_time(tmp_path: Path) -> None:
    content = layer_of(EPOCH)
    file = made(content, content, tmp_path).file
    assert file.file == tmp_path / f"{file.digest.removeprefix('sha256:')}.tar.gz"
    header = file.file.read_bytes()[:10]
    assert header[3] == 0
    assert header[4:8] == bytes(4)
    assert file.size == file.file.stat().st_size


def test_another_layer_than_the_image_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"exported a layer with digest sha256:.* where the image says"):
        made(layer_of(EPOCH), layer_of(EPOCH - 1), tmp_path)


def test_a_layer_compressed_with_zstd_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="use a base with gzip"):
        made(b"\x28\xb5\x2f\xfd....", b"", tmp_path)
