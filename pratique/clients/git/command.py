"""One `git` command, run without anything of the user's or the machine's configuration.

Argument lists only; no prompt, no hooks, no submodules, no transport but the one the repository's own URL needs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pratique.clients.exchange import Exchanged, exchange
from pratique.errors import Refused

# What Git, curl and ssh need to reach a server and to find credentials; nothing else of the worker's environment.
_KEPT = (
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("GIT_ASKPASS", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO"),
)
_FIXED = {
    "LC_ALL": "C",  # messages are read, so they must come in one language
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}
_SETTINGS = """\
[core]
\thooksPath = /dev/null
[protocol]
\tallow = never
[protocol "{protocol}"]
\tallow = always
[transfer]
\tfsckObjects = true
[fetch]
\trecurseSubmodules = false
\tunpackLimit = 1
[gc]
\tautoDetach = false
[maintenance]
\tautoDetach = false
[http]
\tlowSpeedLimit = 1000
\tlowSpeedTime = 30
"""


class Failed(Exception):
    """A command ended with another status than 0; the clients' own error, which never leaves them."""

    def __init__(self, status: int, complaint: str) -> None:
        super().__init__(status, complaint)
        self.status, self.complaint = status, complaint


def is_local(repository: str) -> bool:
    """Whether the repository is a folder of this machine."""
    return repository.startswith(("/", "file://"))


def settings_text(repository: str) -> str:
    """The whole configuration that commands for `repository` see."""
    local = is_local(repository)
    protocol = "file" if local else repository.split("://", maxsplit=1)[0] if "://" in repository else "ssh"
    text = _SETTINGS.format(protocol=protocol)
    if local:
        # Naming a repository is what trusts it, whoever owns its files; Git's own check would refuse another user's.
        folder = os.path.realpath(repository.removeprefix("file://"))
        quoted = [place.replace("\\", "\\\\").replace('"', '\\"') for place in (folder, f"{folder}/.git")]
        text += "[safe]\n" + "".join(f'\tdirectory = "{place}"\n' for place in quoted)
    return text


@dataclass(frozen=True, slots=True)
class Git:
    """The `git` command on one repository folder, with one settings file."""

    folder: Path
    settings: Path

    def run(self, arguments: Sequence[str], *, within: timedelta, stdin: bytes = b"") -> bytes:
        """What the command writes; `Failed` for a status other than 0, `Transient` where it takes too long."""
        return self.hear(arguments, within=within, stdin=stdin).written

    def hear(
        self, arguments: Sequence[str], *, within: timedelta, stdin: bytes = b"", keep_open: Sequence[int] = ()
    ) -> Exchanged:
        """As `run`, with what the command complains of, which it may do at status 0, too."""
        program = shutil.which("git")
        if program is None:
            raise Refused("there is no `git` on this machine: install it")
        # Git starts helpers of its own; its session ends as a whole.
        ended = exchange(
            [program, f"--git-dir={self.folder}", *arguments],
            stdin,
            name=f"git {arguments[0]}",
            within=within,
            environment=self._environment(),
            keep_open=keep_open,
        )
        if ended.status:
            raise Failed(ended.status, ended.complaint.decode(errors="replace"))
        return ended

    def _environment(self) -> Mapping[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
            **kept,
            **_FIXED,
            "GIT_CONFIG_GLOBAL": str(self.settings),
        }
