"""A bare mirror of one repository below the cache: what every read goes to, and fetching fills.

    <cache>/<digest of the repository's name>/mirror.git   branches, tags and HEAD, as they were when last fetched
                                             /settings     the only configuration Git sees
                                             /lock         held while something is fetched
The folder is a cache: removed at any time, it is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from pratique.clients.git.command import Failed, Git, is_local, settings_text
from pratique.clients.git.failures import fetch_error, last_words
from pratique.errors import Refused, Transient

READ_WITHIN = timedelta(minutes=2)
HEAD = "refs/pratique/HEAD"
"""Where the mirror keeps what a local repository has checked out, which no branch and no tag need hold."""
NAMES = ("refs/heads", "refs/tags", HEAD)
"""Whatever the repository itself names."""
_BRANCHES_AND_TAGS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_TRIES = 3
"""How often is fetched while what is asked for moves."""
_LEFT_OUT = re.compile(r"rejected (\S+) because shallow roots")


class Mirror:
    """One repository's mirror."""

    def __init__(self, cache: Path, repository: str, fetch_within: timedelta) -> None:
        self.repository = repository
        self._home = cache.absolute() / hashlib.sha256(repository.encode()).hexdigest()[:32]
        self._folder = self._home / "mirror.git"
        self._fetch_within = fetch_within
        self._git = Git(self._folder, self._home / "settings")
        self._left_out: set[str] = set()

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

    def follow(self, places: Sequence[str], extra: str | None = None) -> None:
        """Let the mirror have at `places` (`refs/…`) what the repository says that it has there now.

        A fetch that ends well may have left something out, so what it brought is compared with the repository's own list.
        `extra` is a place outside branches and tags. Refused where a shallow clone cannot give the commit with its history.
        """
        for _ in range(_TRIES):
            said = self._said(extra)
            if said == self._refs(extra):
                return
            self.fetch(extra, head=HEAD in said)
            refs = self._refs(extra)
            if all(said.get(place) == refs.get(place) for place in places):
                return
            self.require_whole(places)
        moved = next(place for place in places if said.get(place) != refs.get(place))
        raise Transient(
            f"{self.repository}: {moved} is at {said.get(moved, 'nothing')}, and was fetched as {refs.get(moved, 'nothing')}: "
            "is it moved again and again?"
        )

    def require_whole(self, places: Sequence[str] = ()) -> None:
        """Refuse a shallow clone where the last fetch had to leave out one of `places`; without any, where it left out any."""
        if self._left_out and (not places or self._left_out & set(places)):
            raise Refused(
                f"{self.repository} is a shallow clone, which lacks the history of {', '.join(sorted(self._left_out))}: "
                "run `git fetch --unshallow` there (in a CI job: clone it whole, as with `fetch-depth: 0` or `GIT_DEPTH: 0`), "
                "or name the repository that it was cloned from"
            )

    def fetch(self, ref: str | None = None, *, head: bool = False) -> None:
        """Bring branches and tags up to date, and one more ref (`refs/…`) if asked for; what is gone there goes here."""
        wanted = [*_BRANCHES_AND_TAGS, *([f"+HEAD:{HEAD}"] if head else [])]
        self._left_out = set()
        with self._locked() as lock:
            self._write_settings()
            try:
                if self._folder.exists():
                    self._forget_dead_locks()
                    self._run_fetch(self._git, ["--prune", "--", self.repository, *wanted], lock)
                else:
                    self._create(wanted, lock)
                if not head:
                    self._git.run(["update-ref", "-d", HEAD], within=READ_WITHIN)
                if ref is not None:
                    self._run_fetch(self._git, ["--", self.repository, f"+{ref}:{ref}"], lock)
            except Failed as failed:
                raise fetch_error(self.repository, failed.complaint) from None

    def _said(self, extra: str | None) -> dict[str, str]:
        """Place → object, as the repository itself lists them."""
        # A list of everything may be long: pull requests are refs, too.
        asked = ["HEAD", "refs/heads/*", "refs/tags/*", *([extra] if extra else [])]
        if not self._git.settings.exists():
            with self._locked():
                self._write_settings()
        try:
            listed = self._git.run(["ls-remote", "--quiet", "--", self.repository, *asked], within=self._fetch_within)
        except Failed as failed:
            raise fetch_error(self.repository, failed.complaint) from None
        found = {name: identity for identity, name in _pairs(listed)}
        head = found.get("HEAD") if is_local(self.repository) else None
        wanted = {name: found[name] for name in found if name.startswith(("refs/heads/", "refs/tags/")) or name == extra}
        return {name: one for name, one in wanted.items() if not name.endswith("^{}")} | ({HEAD: head} if head else {})

    def _refs(self, extra: str | None) -> dict[str, str]:
        """Place → object, as the mirror has them."""
        if not self._folder.exists():
            return {}
        listed = self.read("for-each-ref", "--format=%(objectname)%09%(refname)", *NAMES, *([extra] if extra else []))
        return {name: identity for identity, name in _pairs(listed)}

    def _create(self, wanted: Sequence[str], lock: int) -> None:
        # Made aside and renamed, so that a mirror is either whole or not there, whenever its maker dies.
        with tempfile.TemporaryDirectory(dir=self._home) as aside:
            made = Path(aside) / "mirror.git"
            for algorithm in ("sha1", "sha256"):
                git = Git(made, self._git.settings)
                git.run(["init", "--quiet", "--bare", "--template=", f"--object-format={algorithm}"], within=READ_WITHIN)
                try:
                    self._run_fetch(git, ["--", self.repository, *wanted], lock)
                    break
                except Failed as failed:
                    if "mismatched algorithms: client sha1; server sha256" not in failed.complaint:
                        raise
                    shutil.rmtree(made)
            made.rename(self._folder)

    def _run_fetch(self, git: Git, arguments: Sequence[str], lock: int) -> None:
        # Git keeps the lock open as well: should this process die, the lock lasts until the fetch has ended.
        quiet = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        done = git.hear([*quiet, *arguments], within=self._fetch_within, keep_open=[lock])
        # Of a shallow source Git leaves out what needs more history than that has, and ends with status 0.
        self._left_out.update(_LEFT_OUT.findall(done.complaint.decode(errors="replace")))

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
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
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


def _pairs(listed: bytes) -> Iterator[tuple[str, str]]:
    """Object and name of each line."""
    for line in listed.decode(errors="surrogateescape").splitlines():
        identity, _, name = line.partition("\t")
        yield identity, name
