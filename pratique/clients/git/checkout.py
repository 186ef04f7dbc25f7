"""What a folder of this machine has checked out."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

from pratique.clients.exchange import exchange

_WITHIN = timedelta(minutes=1)


def checked_out(folder: Path) -> str | None:
    """The branch of a work tree, or the full id of the commit where its HEAD is detached; None where it is no work tree."""
    program = shutil.which("git")
    if program is None or _answer(program, folder, "rev-parse", "--is-inside-work-tree") != "true":
        return None
    branch = _answer(program, folder, "symbolic-ref", "--quiet", "HEAD")
    if branch is None:
        return _answer(program, folder, "rev-parse", "--verify", "HEAD")
    # By its full name where a tag has the same short one.
    name = branch.removeprefix("refs/heads/")
    return branch if _answer(program, folder, "rev-parse", "--verify", "--quiet", f"refs/tags/{name}") else name


def _answer(program: str, folder: Path, *question: str) -> str | None:
    """What Git answers, None where the answer is no. Naming the folder is what trusts it, whoever owns its files."""
    command = [program, "-C", str(folder), "-c", f"safe.directory={folder}", *question]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ended = exchange(command, b"", name="git", within=_WITHIN, environment=variables)
    return None if ended.status else ended.written.decode(errors="replace").strip() or None
