"""Another program, run for one answer: bounded in time and size, and without what it need not know of the worker.

Argument lists only; nothing of the worker's environment but what reaching a server and finding a home needs, so that
no secret in it is seen by a program that is not ours. A client says what a status means, and what a complaint.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from pratique.clients.exchange import bounded, started
from pratique.errors import Invalid, Refused
from pratique.scrub import redactor
from pratique.values._base import Value

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of output that are read."""
_LAST_WORDS = 2000
"""Bytes of the complaint that are kept: its end."""
_KEPT = (
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
)


class Ended(Value):
    """How a program ended."""

    status: int
    answer: bytes
    complaint: str
    """The end of what it wrote to its standard error, on one line."""


def find_program(name: str, remedy: str) -> str:
    """The path of a program; invalid, with what to do about it, where there is none."""
    found = shutil.which(name)
    if found is None:
        raise Invalid(name, "there is no such program on this machine", remedy)
    return found


def run_program(
    command: Sequence[str], folder: Path, *, within: timedelta, environment: Mapping[str, str] | None = None
) -> Ended:
    """Run `command` in `folder`, which takes its output; ended with all that it started when its time is over, or ours."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    answer, complaint = folder / ".answer", folder / ".complaint"
    with answer.open("wb") as stdout, complaint.open("wb") as stderr:
        try:
            with (
                bounded(_name(command), within) as remaining,
                started(
                    command,
                    _name(command),
                    cwd=folder,
                    env={**kept, "LC_ALL": "C", **(environment or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                ) as process,
            ):
                status = process.wait(timeout=remaining())
        except OSError as error:
            raise Invalid(command[0], f"it cannot be run: {error.strerror}", "install it for this machine") from None
    if (size := answer.stat().st_size) > LARGEST_ANSWER:
        raise Refused(f"{_name(command)} wrote {size} bytes, more than the {LARGEST_ANSWER} that are read")
    return Ended(status=status, answer=answer.read_bytes(), complaint=_end_of(complaint))


def _end_of(file: Path) -> str:
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _LAST_WORDS))
        # Its beginning was cut off, maybe within a secret.
        text = redactor().cut(stream.read().decode(errors="replace"))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(letter if letter.isprintable() else " " for letter in "; ".join(lines))[-_LAST_WORDS:]


def _name(command: Sequence[str]) -> str:
    return Path(command[0]).name
