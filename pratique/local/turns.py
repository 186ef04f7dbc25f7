"""One at a time, among all processes of this user."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn_at(file: Path) -> Iterator[None]:
    """Within it nobody else is, who asks for a turn at the same file."""
    # In a folder that everybody may write to, somebody's link must not be followed.
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def ports_of_this_machine() -> Path:
    """Whose turn it is to find ports free and to take them."""
    return Path(tempfile.gettempdir()) / f"pratique-ports-{os.getuid()}.lock"
