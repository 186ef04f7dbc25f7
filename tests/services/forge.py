"""A real HTTP peer that answers as GitHub, GitLab or Gitea documents it, and records what it was sent.

It is strict where they are: the token, the length of a description, states that cannot follow each other, pages.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from pratique.local.process import free_port
from pratique.values.event import Forge

TOKEN = "a token of the forge, which nobody repeats".replace(" ", "-").replace(",", "")
ACCOUNT = "Pratique-Bot"
PROJECT = "team/hello"
_API = {Forge.GITHUB: "", Forge.GITLAB: "/api/v4", Forge.GITEA: "/api/v1"}
_ENDED = ("success", "failed", "canceled")


class Answer(Exception):
    """The answer to a request, whatever it is."""

    def __init__(self, status: int, content: Any, **headers: str) -> None:
        super().__init__(status)
        self.status, self.content = status, content
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Sent:
    """A request that was to change something."""

    method: str
    path: str
    body: dict[str, Any]


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        """A client that went away is no error of this server."""


@dataclass
class RecordingForge:
    """One forge with one project."""

    kind: Forge
    project: str = PROJECT
    page_size: int = 3
    commits: set[str] | None = None
    """Those that it knows; None for all."""
    sent: list[Sent] = field(default_factory=list)
    asked: int = 0
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    valid_token: str = TOKEN
    failing: Callable[[], Answer] | None = None
    before_answering: Callable[[Sent], None] | None = None
    """Called when something was changed, and nobody has been told of it yet."""
    port: int = field(default_factory=free_port)
    _server: ThreadingHTTPServer | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}{_API[self.kind]}"

    # What a test arranges.

    def stranger_comments(self, pull_request: int, body: str, author: str = "mallory") -> None:
        self._add_comment(pull_request, author, body)

    def revoke(self) -> None:
        self.valid_token = "another"

    def restore(self) -> None:
        self.valid_token, self.failing = TOKEN, None

    def forbid(self) -> None:
        self.failing = lambda: Answer(403, {"message": "Resource not accessible by personal access token"})

    def break_down(self) -> None:
        self.failing = lambda: Answer(502, "<html>Bad gateway</html>")

    def limit(self, seconds: int) -> None:
        """As each of them says it: GitHub by when it counts anew, the others by Retry-After."""
        if self.kind is Forge.GITHUB:
            reset = str(int(time.time()) + seconds)
            told = {"message": "API rate limit exceeded for user ID 1."}
            self.failing = lambda: Answer(403, told, x_ratelimit_remaining="0", x_ratelimit_reset=reset)
        else:
            self.failing = lambda: Answer(429, {"message": "Too Many Requests"}, retry_after=str(seconds))

    # What a test reads.

    def history(self, commit: str) -> list[tuple[str, str, str, str]]:
        """Name, state, description and address of each status that was set, oldest first."""
        sent = [one.body for one in self.sent if one.path.endswith(f"/statuses/{commit}")]
        return [
            (
                one.get("context") or one.get("name") or "default",
                one["state"],
                one.get("description", ""),
                one.get("target_url", ""),
            )
            for one in sent
        ]

    def bodies(self, pull_request: int) -> list[tuple[str, str]]:
        return [(one["author"], one["body"]) for one in self.comments.get(pull_request, [])]

    # The server.

    def start(self) -> None:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                try:
                    with peer._turn:
                        peer._answer(self.command, self.path, dict(self.headers), json.loads(body or "null"))
                except Answer as answer:
                    if self.command != "GET" and answer.status < 300 and peer.before_answering is not None:
                        peer.before_answering(peer.sent[-1])
                    text = isinstance(answer.content, str)
                    encoded = answer.content.encode() if text else json.dumps(answer.content).encode()
                    self.send_response(answer.status)
                    headers = {"content-type": "text/html" if text else "application/json", **answer.headers}
                    for name, value in {**headers, "content-length": str(len(encoded))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(encoded)

            do_GET = do_POST = do_PUT = do_PATCH = _handle  # noqa: N815  the names are http.server's

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = _QuietServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, method: str, target: str, headers: dict[str, str], body: Any) -> None:
        self.asked += 1
        url = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        self._require_token({name.lower(): value for name, value in headers.items()})
        if self.failing is not None:
            raise self.failing()
        path = url.path.removeprefix(_API[self.kind])
        if path == "/user":
            raise Answer(200, {"id": 7, "login": ACCOUNT, "username": ACCOUNT})
        if method != "GET":
            self.sent.append(Sent(method, path, body))
        if self.kind is Forge.GITLAB:
            self._gitlab(method, path, query, body)
        else:
            self._issues(method, path, query, body)
        raise Answer(404, {"message": "Not Found"})

    def _require_token(self, headers: dict[str, str]) -> None:
        scheme = {Forge.GITHUB: "Bearer ", Forge.GITEA: "token ", Forge.GITLAB: ""}[self.kind]
        told = headers.get("private-token" if self.kind is Forge.GITLAB else "authorization", "")
        if told != f"{scheme}{self.valid_token}":
            raise Answer(401, {"message": f"Bad credentials: {told}"})

    def _issues(self, method: str, path: str, query: dict[str, str], body: Any) -> None:
        base = f"/repos/{self.project}"
        match [method, *path.removeprefix(base).split("/")[1:]] if path.startswith(f"{base}/") else []:
            case ["POST", "statuses", commit]:
                self._require_commit(commit, 422 if self.kind is Forge.GITHUB else 404)
                self._require_short(body, 140 if self.kind is Forge.GITHUB else 10_000)
                if body["state"] not in ("pending", "success", "failure", "error", "warning"):
                    raise Answer(422, {"message": "Validation Failed"})
                if body["state"] == "warning" and self.kind is Forge.GITHUB:
                    raise Answer(422, {"message": "Validation Failed"})
                name = "state" if self.kind is Forge.GITHUB else "status"
                told = {field: body.get(field) for field in ("context", "description", "target_url")}
                self.statuses.setdefault(commit, []).append({name: body["state"], **told})
                raise Answer(201, {})
            case ["GET", "commits", commit, "status"]:
                self._require_commit(commit, 404)
                newest = {one["context"]: one for one in self.statuses.get(commit, [])}
                page, more = self._page(list(newest.values()), path, query)
                raise Answer(200, {"state": "pending", "statuses": page}, **more)
            case ["GET", "issues", number, "comments"]:
                found = [
                    {"id": one["id"], "body": one["body"], "user": {"login": one["author"]}}
                    for one in self.comments.get(int(number), [])
                ]
                # Gitea hands out all of them at once.
                page, more = (found, {}) if self.kind is Forge.GITEA else self._page(found, path, query)
                raise Answer(200, page, **more)
            case ["POST", "issues", number, "comments"]:
                self._require_body(body)
                raise Answer(201, {"id": self._add_comment(int(number), ACCOUNT, body["body"])})
            case ["PATCH", "issues", "comments", identity]:
                self._require_body(body)
                self._change_comment(int(identity), body["body"])
                raise Answer(200, {"id": int(identity)})

    def _gitlab(self, method: str, path: str, query: dict[str, str], body: Any) -> None:
        match = re.fullmatch(r"/projects/([^/]+)/(.+)", path)
        if match is None or unquote(match[1]) != self.project:
            raise Answer(404, {"message": "404 Project Not Found"})
        match [method, *match[2].split("/")]:
            case ["POST", "statuses", commit]:
                self._require_commit(commit, 404)
                self._require_short(body, 255)
                self._move(commit, body)
                raise Answer(201, {})
            case ["GET", "repository", "commits", commit, "statuses"]:
                self._require_commit(commit, 404)
                newest = {one["name"]: one for one in self.statuses.get(commit, []) if one["name"] == query.get("name")}
                page, more = self._page(list(newest.values()), path, query)
                raise Answer(200, page, **more)
            case ["GET", "merge_requests", number, "notes"]:
                notes = [
                    {"id": one["id"], "body": one["body"], "author": {"username": one["author"]}, "system": False}
                    for one in self.comments.get(int(number), [])
                ]
                page, more = self._page(notes if query.get("sort") == "asc" else notes[::-1], path, query)
                raise Answer(200, page, **more)
            case ["POST", "merge_requests", number, "notes"]:
                raise Answer(201, {"id": self._add_comment(int(number), ACCOUNT, body["body"])})
            case ["PUT", "merge_requests", _, "notes", identity]:
                self._change_comment(int(identity), body["body"])
                raise Answer(200, {"id": int(identity)})

    def _move(self, commit: str, body: dict[str, Any]) -> None:
        """As a job moves: `lib/api/commit_statuses.rb` and the state machine of `CommitStatus`."""
        name, state = body.get("name") or body.get("context") or "default", body["state"]
        if state not in ("pending", "running", *_ENDED):
            raise Answer(400, {"error": "state does not have a valid value"})
        found = [one for one in self.statuses.get(commit, []) if one["name"] == name and one["status"] not in _ENDED]
        if found and (found[-1]["status"] == state or state == "pending"):
            event = {"pending": "enqueue", "running": "run"}.get(state, state)
            reason = f'Status cannot transition via "{event}"'
            told = f"Cannot transition status via :{event} from :{found[-1]['status']} (Reason(s): {reason})"
            raise Answer(400, {"message": told})
        values = {"status": state, "description": body.get("description"), "target_url": body.get("target_url")}
        if found:
            found[-1].update(values)
        else:
            self.statuses.setdefault(commit, []).append({"name": name, **values})

    def _page(self, items: list[Any], path: str, query: dict[str, str]) -> tuple[list[Any], dict[str, str]]:
        size = min(self.page_size, int(query.get("per_page") or query.get("limit") or 30))
        number = int(query.get("page") or 1)
        page = items[(number - 1) * size : number * size]
        if number * size >= len(items):
            return page, {}
        # By the name that it is known by outside, which is not the one that it was called by.
        kept = "".join(f"&{name}={value}" for name, value in query.items() if name != "page")
        return page, {"link": f'<https://git.example.test{_API[self.kind]}{path}?page={number + 1}{kept}>; rel="next"'}

    def _require_commit(self, commit: str, status: int) -> None:
        if self.commits is not None and commit not in self.commits:
            raise Answer(status, {"message": f"No commit found for SHA: {commit}"})

    def _require_short(self, body: dict[str, Any], most: int) -> None:
        if len(body.get("description") or "") > most:
            message = f"description is too long (maximum is {most} characters)"
            raise Answer(422, {"message": "Validation Failed", "errors": [{"field": "description", "message": message}]})

    def _require_body(self, body: dict[str, Any]) -> None:
        if len(body["body"]) > 65_536:
            raise Answer(422, {"message": "Body is too long (maximum is 65536 characters)"})

    def _add_comment(self, pull_request: int, author: str, body: str) -> int:
        identity = 1 + sum(map(len, self.comments.values()))
        self.comments.setdefault(pull_request, []).append({"id": identity, "author": author, "body": body})
        return identity

    def _change_comment(self, identity: int, body: str) -> None:
        for one in (one for found in self.comments.values() for one in found):
            if one["id"] == identity:
                one["body"] = body
                return
        raise Answer(404, {"message": "Not Found"})


@pytest.fixture
def new_forge() -> Iterator[Callable[..., RecordingForge]]:
    """Starts a forge of a kind; all are stopped after the test."""
    started: list[RecordingForge] = []

    def start(kind: Forge, **fields: Any) -> RecordingForge:
        peer = RecordingForge(kind, **fields)
        peer.start()
        started.append(peer)
        return peer

    yield start
    for peer in started:
        peer.stop()
