"""A work tree on this machine: what of it is in no commit."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from pratique.clients.program import run_program
from pratique.errors import Invalid, Refused, Transient

_WITHIN = timedelta(seconds=20)
_SETTINGS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")


def uncommitted(folder: Path) -> list[str]:
    """Paths of files that are changed or new, and in no commit; none where Git cannot tell, or where it is no work tree."""
    command = ["git", *_SETTINGS, "-C", str(folder), "status", "--porcelain=v1", "-z", "--no-renames"]
    with tempfile.TemporaryDirectory(prefix="pratique-") as scratch:
        try:
            ended = run_program(command, Path(scratch), within=_WITHIN)
        except (Invalid, Refused, Transient):
            return []
    # Two letters that say how it differs, a space, the path.
    return [] if ended.status else [entry[3:] for entry in ended.answer.decode(errors="replace").split("\0") if entry]
