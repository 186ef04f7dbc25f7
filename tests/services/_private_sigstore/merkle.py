"""A Merkle tree as RFC 6962 (section 2.1) describes it, small enough to be hashed anew for each entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from tests.services._private_sigstore.encoding import sha256


@dataclass(frozen=True)
class Inclusion:
    """Where an entry is in the tree, and what proves it."""

    index: int
    size: int
    root: bytes
    path: list[bytes]


@dataclass
class MerkleTree:
    leaves: list[bytes] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def append(self, entry: bytes) -> Inclusion:
        with self.lock:
            self.leaves.append(leaf_hash(entry))
            index, size = len(self.leaves) - 1, len(self.leaves)
            return Inclusion(index, size, _root(self.leaves), _path(index, self.leaves))


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry)


def _root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:]))


def _path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*_path(index, leaves[:split]), _root(leaves[split:])]
    return [*_path(index - split, leaves[split:]), _root(leaves[:split])]


def _split(size: int) -> int:
    """The largest power of two that is smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)
