"""A bare mirror of one repository below the cache: what every read goes to, and fetching fills.

    <cache>/<digest of the repository's name>/mirror.git   branches and tags, as they were when last fetched
                                             /settings     the only configuration Git sees
                                             /lock         held while something is fetched
The folder is a cache: removed at any time, it is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from pratique.clients.git.command import Failed, Git, settings_text
from pratique.clients.git.failures import fetch_error, last_words
from pratique.errors import Refused, Transient

READ_WITHIN = timedelta(minutes=2)
_BRANCHES_AND_TAGS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class Mirror:
    """One repository's mirror."""

    def __init__(self, cache: Path, repository: str, fetch_within: timedelta) -> None:
        self.repository = repository
        self._home = cache.absolute() / hashlib.sha256(repository.encode()).hexdigest()[:32]
        self._folder = self._home / "mirror.git"
        self._fetch_within = fetch_within
        self._git = Git(self._folder, self._home / "settings")

    def read(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What a command that only reads writes."""
        try:
            return self._git.run(arguments, within=READ_WITHIN, stdin=stdin)
        except Failed as failed:
            remedy = f"remove {self._home}, which is a cache, and try again"
            raise Refused(
                f"the mirror of {self.repository} is not readable: {last_words(failed.complaint)} ({remedy})"
            ) from None

    def answers(self, *arguments: str) -> str | None:
        """What a question is answered with, None where the answer is no."""
        if not self._folder.exists():
            return None
        try:
            return self._git.run(arguments, within=READ_WITHIN).decode(errors="replace").strip()
        except Failed:
            return None

    def holds(self, commit: str) -> bool:
        """Whether the commit is here."""
        return self.answers("cat-file", "-t", commit) == "commit"

    def fetch(self, ref: str | None = None) -> None:
        """Bring branches and tags up to date, and one more ref (`refs/…`) if asked for; what is gone there goes here."""
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked() as lock:
            self._write_settings()
            try:
                if self._folder.exists():
                    self._forget_dead_locks()
                    self._run_fetch(self._git, ["--prune", "--", self.repository, *_BRANCHES_AND_TAGS], lock)
                else:
                    self._create(lock)
                if ref is not None:
                    self._run_fetch(self._git, ["--", self.repository, f"+{ref}:{ref}"], lock)
            except Failed as failed:
                raise fetch_error(self.repository, failed.complaint) from None

    def _create(self, lock: int) -> None:
        # Made aside and renamed, so that a mirror is either whole or not there, whenever its maker dies.
        with tempfile.TemporaryDirectory(dir=self._home) as aside:
            made = Path(aside) / "mirror.git"
            for algorithm in ("sha1", "sha256"):
                git = Git(made, self._git.settings)
                git.run(["init", "--quiet", "--bare", "--template=", f"--object-format={algorithm}"], within=READ_WITHIN)
                try:
                    self._run_fetch(git, ["--", self.repository, *_BRANCHES_AND_TAGS], lock)
                    break
                except Failed as failed:
                    if "mismatched algorithms: client sha1; server sha256" not in failed.complaint:
                        raise
                    shutil.rmtree(made)
            made.rename(self._folder)

    def _run_fetch(self, git: Git, arguments: Sequence[str], lock: int) -> None:
        # Git keeps the lock open as well: should this process die, the lock lasts until the fetch has ended.
        quiet = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        git.run([*quiet, *arguments], within=self._fetch_within, keep_open=[lock])

    def _write_settings(self) -> None:
        aside = self._home / "settings.new"
        aside.write_text(settings_text(self.repository))
        aside.replace(self._git.settings)

    def _forget_dead_locks(self) -> None:
        # Whoever made them held our lock, and holds it no longer.
        for dead in (*self._folder.glob("*.lock"), *(self._folder / "refs").rglob("*.lock")):
            dead.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        lock = os.open(self._home / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            end = time.monotonic() + self._fetch_within.total_seconds()
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise Transient(f"another process is still fetching {self.repository}") from None
                    time.sleep(0.05)
            yield lock
        finally:
            os.close(lock)
