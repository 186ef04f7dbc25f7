"""The infrastructure bundle of a release: a few text files as one gzipped tar archive, the same bytes from the same files.

    pack({"pratique.yaml": b"service: hello", "infrastructure/queue/template.yaml": template})

What `pack` writes, `unpack` reads; both refuse the same names and sizes. An archive from elsewhere is taken for what it may
be, an attack: nothing in it is expanded beyond the limits, and only regular files at relative paths are let through.
Formats: gzip (RFC 1952), POSIX.1-2001 tar (pax). Compression is zlib's: the bytes are the same wherever zlib is.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping

from pratique.errors import Invalid, Refused

MOST_FILES = 2000
MOST_BYTES = 16 * 1024 * 1024
"""Of all files together, unpacked."""
LONGEST_PATH = 512

_LARGEST_ARCHIVE = MOST_BYTES + MOST_FILES * 8 * tarfile.BLOCKSIZE + tarfile.RECORDSIZE
"""In blocks, a file has its header and padding, and up to six more for a path of four-byte characters."""

_PLACE = "infrastructure bundle"


def pack(files: Mapping[str, bytes]) -> bytes:
    """The bundle of `files`, given by their path relative to the service's folder."""
    _require_paths(files)
    _require_size(len(files), sum(map(len, files.values())))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files):
            # A new TarInfo has mtime, uid and gid 0, mode 0644 and no names.
            member = tarfile.TarInfo(path)
            member.size = len(files[path])
            tar.addfile(member, io.BytesIO(files[path]))
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=9, mtime=0) as stream:
        stream.write(archive.getvalue())
    return packed.getvalue()


def unpack(content: bytes) -> dict[str, bytes]:
    """The files of a bundle by path; refused where it holds anything else, or more than the limits, or is damaged."""
    archive = _decompress(content)
    files: dict[str, bytes] = {}
    end = size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for member in tar:
                files[_require_new(member, files)] = _content(archive, member)
                _require_size(len(files), size := size + member.size)
                end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    except (tarfile.TarError, ValueError, OverflowError, OSError, RecursionError) as error:
        # tarfile calls itself for each of many extended headers in a row.
        raise _damaged(type(error).__name__) from None
    # tarfile takes a damaged header in the middle for the end; an archive ends with two empty blocks or more.
    if len(archive) - end < 2 * tarfile.BLOCKSIZE or any(archive[end:]):
        raise _damaged("it is cut off, or holds something between its files")
    _require_paths(files)
    return files


def _decompress(content: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        archive = stream.decompress(content, _LARGEST_ARCHIVE + 1)
    except zlib.error:
        raise _damaged("it is no gzip stream") from None
    if len(archive) > _LARGEST_ARCHIVE:
        raise Refused(f"{_PLACE}: unpacks to more than {MOST_BYTES} bytes: not done")
    if not stream.eof or stream.unused_data:
        raise _damaged("its gzip stream is cut off, or has something behind it")
    return archive


def _content(archive: bytes, member: tarfile.TarInfo) -> bytes:
    content = archive[member.offset_data : member.offset_data + member.size]
    if len(content) != member.size:
        raise _damaged(f"{member.name!r} is cut off")
    return content


def _require_new(member: tarfile.TarInfo, files: Mapping[str, bytes]) -> str:
    if not member.isreg() or member.issparse():
        raise Refused(
            f"{_PLACE}: {member.name[:LONGEST_PATH]!r} is no regular file; links, folders and devices have no place in it"
        )
    if member.name in files:
        raise Refused(f"{_PLACE}: {member.name!r} is in it twice")
    return member.name


def _require_size(count: int, size: int) -> None:
    if count > MOST_FILES:
        raise Refused(f"{_PLACE}: more than {MOST_FILES} files: keep what the modules do not need out of their folders")
    if size > MOST_BYTES:
        raise Refused(f"{_PLACE}: more than {MOST_BYTES} bytes: keep what the modules do not need out of their folders")


def _require_paths(files: Mapping[str, bytes]) -> None:
    for path in files:
        parts = path.split("/")
        if len(path) > LONGEST_PATH or not path.isprintable() or "\\" in path or {"", ".", ".."} & set(parts):
            remedy = f"write a relative path of at most {LONGEST_PATH} printable characters, without `.`, `..` and `\\`"
            raise Invalid(_PLACE, f"{path[:LONGEST_PATH]!r} is no path that is safe to unpack", remedy)
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in files:
                raise Invalid(_PLACE, f"{'/'.join(parts[:depth])!r} is a file and a folder at once", "rename one")


def _damaged(how: str) -> Refused:
    return Refused(f"{_PLACE}: cannot be read ({how}): release the commit again")
