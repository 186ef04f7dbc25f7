"""The evidence file: an OCI image layout in an uncompressed tar archive, of which every byte follows from what it holds.

    content = write_layout(index, blobs)
    index, blobs = read_layout(content)

Reading is writing once more: each header is compared with the only one that its entry can have, each blob with its name, and
what is between and behind them with zeros. So a byte that was changed is found, whichever it is, and its place is told.
Formats: OCI image layout 1.0.0 (github.com/opencontainers/image-spec, image-layout.md), POSIX.1-1988 tar (ustar).
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Mapping
from itertools import zip_longest

from pratique.errors import Refused
from pratique.values.digest import Digest, canonical_json, digest_of, hex_of

MOST_BYTES = 1024 * 1024 * 1024
"""Of a file that is read."""

INDEX, LAYOUT = "index.json", "oci-layout"
_BLOBS = "blobs/sha256/"
_BLOB = re.compile(rf"{_BLOBS}[0-9a-f]{{64}}")
_BLOCK, _RECORD = tarfile.BLOCKSIZE, tarfile.RECORDSIZE
_LAYOUT_CONTENT = canonical_json({"imageLayoutVersion": "1.0.0"})
_SIZE = slice(124, 136)
"""Where a header has the size, as the standard says; its name comes first, in 100 bytes."""
_NAME_LENGTH = 100


def write_layout(index: bytes, blobs: Mapping[Digest, bytes]) -> bytes:
    """The file; the same bytes for the same content, whatever its order."""
    files = {f"{_BLOBS}{hex_of(digest)}": content for digest, content in blobs.items()}
    files |= {INDEX: index, LAYOUT: _LAYOUT_CONTENT}
    entries = b"".join(_header(name, len(files[name])) + _padded(files[name]) for name in sorted(files))
    end = entries + bytes(2 * _BLOCK)
    return end + bytes(-len(end) % _RECORD)


def read_layout(content: bytes) -> tuple[bytes, dict[Digest, bytes]]:
    """The index, and every blob by its digest; refused, with the place, where a byte is another than it must be."""
    if len(content) > MOST_BYTES:
        raise Refused(f"{len(content)} bytes are more than the {MOST_BYTES} that are read")
    files: dict[str, bytes] = {}
    offset, last = 0, ""
    while offset < len(content) and any(content[offset : offset + _BLOCK]):
        name, size = _read_header(content, offset)
        if name <= last:
            raise _damaged(offset, offset + _BLOCK, f"the entry {name!r} is there twice, or not in its order")
        start, end = offset + _BLOCK, offset + _BLOCK + size
        files[name] = content[start:end]
        if len(files[name]) != size:
            raise _damaged(offset, len(content), f"the file is cut off within the entry {name!r}")
        _require_its_name(name, files[name], start)
        offset, last = end + -size % _BLOCK, name
        _require_zeros(content, end, offset, f"the padding of the entry {name!r}")
    end = offset + 2 * _BLOCK
    end += -end % _RECORD
    _require_zeros(content, offset, end, "the end of the file")
    if len(content) > end:
        raise _damaged(end, len(content), "something was put behind the end of the file")
    for name in (INDEX, LAYOUT):
        if name not in files:
            raise Refused(f"the file has no entry {name!r}: it is no evidence file, or something was taken out of it")
    if files[LAYOUT] != _LAYOUT_CONTENT:
        raise difference(LAYOUT, files[LAYOUT], _LAYOUT_CONTENT)
    blobs = {f"sha256:{name.removeprefix(_BLOBS)}": blob for name, blob in files.items() if name not in (INDEX, LAYOUT)}
    return files[INDEX], blobs


def difference(name: str, found: bytes, expected: bytes) -> Refused:
    """What is said of an entry that is not what it must be: where the two begin to differ."""
    pairs = enumerate(zip_longest(found, expected))
    first = next((number for number, (one, other) in pairs if one != other), len(found))
    return Refused(f"{name}: byte {first} of {len(found)} is not what follows from the rest of the file: it was changed")


def _header(name: str, size: int) -> bytes:
    # A new TarInfo has mtime, uid and gid 0, mode 0644 and no names.
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _BLOCK)


def _read_header(content: bytes, offset: int) -> tuple[str, int]:
    """Name and size of the entry, where its header is the one that an entry of that name and size has."""
    header = content[offset : offset + _BLOCK]
    name, _, _ = header[:_NAME_LENGTH].partition(b"\0")
    digits, _, _ = header[_SIZE].partition(b"\0")
    try:
        text, size = name.decode("ascii"), int(digits, 8)
        expected = _header(text, size)
    except ValueError:
        text, size, expected = "", 0, b""
    if header != expected or not (_BLOB.fullmatch(text) or text in (INDEX, LAYOUT)):
        raise _damaged(offset, offset + len(header), "the header of an entry is none that an evidence file has")
    return text, size


def _require_its_name(name: str, content: bytes, start: int) -> None:
    if name.startswith(_BLOBS) and digest_of(content) != f"sha256:{name.removeprefix(_BLOBS)}":
        raise _damaged(start, start + len(content), f"the content of {name} is not what its name says")


def _require_zeros(content: bytes, start: int, end: int, what: str) -> None:
    found = content[start:end]
    if found != bytes(end - start):
        first = next((number for number, byte in enumerate(found) if byte), len(found))
        said = "is cut off" if first == len(found) else f"holds something at byte {start + first}"
        raise _damaged(start, end, f"{what} {said}")


def _damaged(start: int, end: int, what: str) -> Refused:
    return Refused(f"bytes {start} to {end - 1}: {what}: the file was changed")
