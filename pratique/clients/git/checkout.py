"""What a folder of this machine has checked out, and what of it is in no commit."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

from pratique.clients.exchange import exchange
from pratique.errors import Transient

_WITHIN = timedelta(minutes=1)


def checked_out(folder: Path) -> str | None:
    """The branch of a work tree, or the full id of the commit where its HEAD is detached; None where it is no work tree."""
    if _word(folder, "rev-parse", "--is-inside-work-tree") != "true":
        return None
    branch = _word(folder, "symbolic-ref", "--quiet", "HEAD")
    if branch is None:
        return _word(folder, "rev-parse", "--verify", "HEAD")
    # By its full name where a tag has the same short one.
    name = branch.removeprefix("refs/heads/")
    return branch if _word(folder, "rev-parse", "--verify", "--quiet", f"refs/tags/{name}") else name


def uncommitted(folder: Path) -> list[str]:
    """Paths of files that are changed or new, and in no commit, shown without control characters.

    None where Git cannot tell, or where it is no work tree.
    """
    try:
        listed = _answer(folder, "status", "--porcelain=v1", "-z", "--no-renames")
    except Transient:
        return []
    # Two letters that say how it differs, a space, the path.
    paths = (entry[3:] for entry in (listed or b"").decode(errors="replace").split("\0") if entry)
    return ["".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in path) for path in paths]


def _word(folder: Path, *question: str) -> str | None:
    """What Git answers in a line; None where the answer is no."""
    answer = _answer(folder, *question)
    return None if answer is None else answer.decode(errors="replace").strip() or None


def _answer(folder: Path, *question: str) -> bytes | None:
    """What Git answers, None where the answer is no. Naming the folder is what trusts it, whoever owns its files.

    Nothing that the folder's own configuration names is run.
    """
    program = shutil.which("git")
    if program is None:
        return None
    settings = (f"safe.directory={folder}", "core.fsmonitor=false", "core.hooksPath=/dev/null")
    command = [program, "-C", str(folder), *(word for one in settings for word in ("-c", one)), *question]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ended = exchange(command, b"", name="git", within=_WITHIN, environment=variables)
    return None if ended.status else ended.written
