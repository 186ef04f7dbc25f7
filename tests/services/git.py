"""Git repositories on disk, written with `git fast-import`, and a server that hands them out or misbehaves."""

from __future__ import annotations

import base64
import http.server
import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pratique.clients.git import GitSource
from tests.fakes.source import AUTHOR, FIRST_TIME, Executable, Link, Submodule, Tree, mode_of

GIT = shutil.which("git") or "git"
_NUMBERS = itertools.count()


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """What a command in the folder writes, without anybody's configuration."""
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run([GIT, "-C", str(folder), *arguments], input=stdin, capture_output=True, check=True, env=environment)
    return done.stdout.decode().strip()


@dataclass
class ArrangedGit:
    """One repository and a source that reads it, with the arranging methods of `FakeSource`."""

    folder: Path
    source: GitSource
    made: int = field(default=0)

    @property
    def repository(self) -> str:
        return str(self.folder)

    def commit(self, tree: Tree, *, branch: str = "main", subject: str = "Change", author: str = AUTHOR) -> str:
        time = FIRST_TIME + 60 * self.made
        self.made += 1
        lines = [f"commit refs/heads/{branch}".encode(), f"author {author} {time} +0000".encode()]
        lines += [f"committer {AUTHOR} {time} +0000".encode(), *_data(subject.encode())]
        if git(self.folder, "for-each-ref", f"refs/heads/{branch}"):
            lines.append(f"from refs/heads/{branch}^0".encode())
        lines.append(b"deleteall")
        for path, item in tree.items():
            place = path.encode()
            if isinstance(item, Submodule):
                lines.append(f"M 160000 {item.commit} ".encode() + place)
                continue
            content = item.content if isinstance(item, Executable) else item.target.encode() if isinstance(item, Link) else item
            lines += [f"M {mode_of(item)} inline ".encode() + place, *_data(content)]
        git(self.folder, "fast-import", "--quiet", "--force", stdin=b"\n".join([*lines, b""]))
        return git(self.folder, "rev-parse", f"refs/heads/{branch}")

    def name(self, ref: str, commit: str | None) -> None:
        """Let the ref (`refs/…`) name the commit; None takes it away."""
        git(self.folder, "update-ref", *(["-d", ref] if commit is None else [ref, commit]))


def _data(content: bytes) -> list[bytes]:
    return [f"data {len(content)}".encode(), content]


@pytest.fixture
def arranged_git(tmp_path: Path) -> ArrangedGit:
    """A new, empty repository, and a source with an empty cache."""
    folder = tmp_path / f"hello-{next(_NUMBERS)}.git"
    subprocess.run([GIT, "init", "--quiet", "--bare", "--initial-branch=main", str(folder)], check=True)
    return ArrangedGit(folder, GitSource(tmp_path / "cache"))


class _Handler(http.server.BaseHTTPRequestHandler):
    """`/ok/…` serves the repositories below the root by Git's own `http-backend`; `/<status>/…` answers with that status."""

    server: GitServer

    def do_GET(self) -> None:
        kind, _, path = self.path.lstrip("/").partition("/")
        self.server.asked.append(kind)
        if kind == "hang":
            self.server.stopped.wait()
        elif kind == "cut":
            self.close_connection = True
        elif kind == "ok" and self.server.password and not self._is_let_in():
            self._answer(401)
        elif kind == "ok":
            self._backend(f"/{path}")
        else:
            self._answer(int(kind))

    do_POST = do_GET  # noqa: N815  the name is http.server's

    def _is_let_in(self) -> bool:
        given = base64.b64encode(f"ada:{self.server.password}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {given}"

    def _answer(self, status: int) -> None:
        self.send_response(status)
        if status == http.HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="here"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _backend(self, path: str) -> None:
        path, _, query = path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = subprocess.run([GIT, "http-backend"], input=body, capture_output=True, check=True, env=environment).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", maxsplit=1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200 OK").split()[0]))
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is http.server's
        """Keep quiet: what was asked is in `asked`."""


class GitServer(http.server.ThreadingHTTPServer):
    """A Git server on loopback."""

    root: Path
    asked: list[str]
    password: str = ""
    """What `/ok/…` asks of `ada`; nothing where it is empty."""
    stopped: threading.Event

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    """A server for the repositories below the test's folder."""
    with GitServer(("127.0.0.1", 0), _Handler) as server:
        server.root, server.asked, server.stopped = tmp_path, [], threading.Event()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.stopped.set()
        server.shutdown()
        thread.join()
