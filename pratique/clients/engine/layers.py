"""Layers: checked against the image's own digests, then made the same for every build of a commit.

What an engine adds by itself, such as a folder that `COPY` had to make, carries the time of the build. Times later
than the commit's are set to it, as BuildKit does with `rewrite-timestamp`; everything else of a layer stays as it is.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
from pathlib import Path

from pratique.clients.ports import LayerFile
from pratique.errors import Refused
from pratique.values._base import Value
from pratique.values.digest import Digest

MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"

_CHUNK = 1024 * 1024
_LEVEL = 6
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_TIMES = ("mtime", "atime", "ctime")


class Layer(Value):
    """A layer ready to be pushed, and its digest before compression."""

    diff_id: Digest
    file: LayerFile


def portable_layer(saved: Path, expected: Digest, epoch: int, folder: Path, scratch: Path) -> Layer:
    """The layer `saved` (tar, perhaps gzipped already), as `<hex>.tar.gz` in `folder`; refused where it is another one."""
    plain = scratch / f"{saved.name}.tar"
    _unpack(saved, plain)
    if (found := _digest(plain)) != expected:
        raise Refused(f"the engine exported a layer with digest {found} where the image says {expected}: build it again")
    if _has_later_times(plain, epoch):
        clamped = scratch / f"{saved.name}.clamped"
        _clamp_times(plain, clamped, epoch)
        plain = clamped
        found = _digest(plain)
    packed = scratch / f"{saved.name}.gz"
    with (
        plain.open("rb") as source,
        packed.open("wb") as target,
        # Neither a name nor a time goes into the header, so equal layers are equal files.
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=target, mtime=0) as compressed,
    ):
        shutil.copyfileobj(source, compressed, _CHUNK)
    digest = _digest(packed)
    final = folder / f"{digest.removeprefix('sha256:')}.tar.gz"
    size = packed.stat().st_size
    packed.replace(final)
    return Layer(diff_id=found, file=LayerFile(media_type=MEDIA_TYPE, digest=digest, size=size, file=final))


def _unpack(saved: Path, plain: Path) -> None:
    """An engine with containerd's image store exports layers as they were pulled, which is compressed."""
    with saved.open("rb") as source:
        start = source.read(4)
        source.seek(0)
        if start == _ZSTD:
            raise Refused("a layer of the base image is compressed with zstd, which is not read here: use a base with gzip")
        with plain.open("wb") as target:
            shutil.copyfileobj(gzip.GzipFile(fileobj=source) if start.startswith(_GZIP) else source, target, _CHUNK)


def _has_later_times(plain: Path, epoch: int) -> bool:
    with tarfile.open(plain) as archive:
        return any(_is_later(member, epoch) for member in archive)


def _is_later(member: tarfile.TarInfo, epoch: int) -> bool:
    return member.mtime > epoch or any(float(member.pax_headers.get(time, 0)) > epoch for time in _TIMES)


def _clamp_times(plain: Path, clamped: Path, epoch: int) -> None:
    with tarfile.open(plain) as archive, tarfile.open(clamped, "w", format=tarfile.PAX_FORMAT) as rewritten:
        for member in archive:
            if _is_later(member, epoch):
                member.mtime = min(member.mtime, epoch)
                member.pax_headers = {name: value for name, value in member.pax_headers.items() if name not in _TIMES}
            rewritten.addfile(member, archive.extractfile(member) if member.isreg() else None)


def _digest(file: Path) -> Digest:
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
