"""Checks against a real server, which a test tells what to answer."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pratique.clients.probes import run_checks
from pratique.errors import Refused, Transient
from pratique.local.process import free_port
from pratique.scrub import remember
from pratique.values.checks import Check, CheckResult

COMMIT = "c0ffee" + "0" * 34
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each path with what the test arranged, one answer after the other; the last one stays."""

    daemon_threads = True
    answers: dict[str, list[Answer]]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        answers = self.server.answers[self.path]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)

    def log_message(self, *arguments: object) -> None:
        return


def say(status: int, body: str = "", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body.encode())

    return answer


def stall(handler: BaseHTTPRequestHandler) -> None:
    """Send one byte, and never another."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b".")
    threading.Event().wait(5)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then, without an end."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b".")
            time.sleep(0.01)
    except OSError:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.answers = {}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def check(name: str = "healthy", *, deadline: float = 0.6, timeout: float = 0.3, **probe: object) -> Check:
    spans = {"deadline": deadline, "timeout": timeout, "interval": 0.05}
    return Check.model_validate({"name": name, **{key: timedelta(seconds=value) for key, value in spans.items()}, **probe})


def never(command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
    raise AssertionError("no command was asked for")


def run_one(address: str, one: Check, execute: Callable[[Sequence[str], timedelta], tuple[int, str]] = never) -> CheckResult:
    [result] = run_checks([one], address, execute, COMMIT)
    return result


def test_a_status_and_a_text_pass_with_the_commit_filled_in(server: Server) -> None:
    server.answers["/version"] = [say(200, f'{{"commit": "{COMMIT}"}}')]
    result = run_one(server.address, check(http={"path": "/version", "contains": "${commit}"}))
    assert (result.name, result.passed, result.attempts) == ("healthy", True, 1)
    assert COMMIT in result.detail


def test_a_check_is_repeated_until_it_passes(server: Server) -> None:
    server.answers["/healthz"] = [say(503), say(503), say(200)]
    result = run_one(server.address, check(deadline=30, http={"path": "/healthz"}))
    assert (result.passed, result.attempts) == (True, 3)


def test_a_check_fails_at_its_deadline_with_what_was_seen_last(server: Server) -> None:
    server.answers["/healthz"] = [say(503, "starting"), say(500, "broken\nbeyond repair")]
    result = run_one(server.address, check(http={"path": "/healthz"}))
    assert not result.passed
    assert result.attempts > 1
    assert result.detail.endswith("/healthz: status 500 instead of 200: broken beyond repair")


def test_another_releases_answer_fails(server: Server) -> None:
    server.answers["/version"] = [say(200, "deadbeef")]
    result = run_one(server.address, check(http={"path": "/version", "contains": "${commit}"}))
    assert not result.passed
    assert f"the body does not hold '{COMMIT}': deadbeef" in result.detail


def test_a_redirect_is_an_answer_and_is_not_followed(server: Server) -> None:
    server.answers["/old"] = [say(302, Location="/new")]
    server.answers["/new"] = [say(200)]
    assert not run_one(server.address, check(http={"path": "/old"})).passed
    assert run_one(server.address, check(http={"path": "/old", "status": 302})).passed


@pytest.mark.parametrize("answer", [stall, drip], ids=["stalls", "drips"])
def test_a_server_that_never_ends_its_answer_does_not_hold_the_check(server: Server, answer: Answer) -> None:
    server.answers["/"] = [answer]
    result = run_one(server.address, check(http={"path": "/", "contains": "never"}))
    assert not result.passed


def test_of_a_huge_body_only_the_beginning_is_looked_at_and_little_is_shown(server: Server) -> None:
    server.answers["/"] = [say(200, "x" * 3_000_000 + "needle")]
    result = run_one(server.address, check(timeout=5, deadline=0.1, http={"path": "/", "contains": "needle"}))
    assert not result.passed
    assert len(result.detail) < 400


@pytest.mark.parametrize("before", ["", "x" * 190])
def test_a_secret_in_an_answer_is_replaced_before_the_answer_is_folded_and_cut_off(
    server: Server, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pratique.scrub._known", set())
    remember("first c4n4ry  second c4n4ry")
    server.answers["/"] = [say(500, f"{before}first c4n4ry  second c4n4ry")]
    result = run_one(server.address, check(deadline=0.1, http={"path": "/"}))
    assert "first" not in result.detail
    assert "c4n4ry" not in result.detail


def test_a_port_that_accepts_passes_and_one_that_is_closed_fails(server: Server) -> None:
    assert run_one(server.address, check(tcp={})).passed
    result = run_one(f"127.0.0.1:{free_port()}", check(tcp={}))
    assert not result.passed
    assert "accepts no connection" in result.detail


def test_http_at_a_closed_port_fails_and_says_so() -> None:
    address = f"127.0.0.1:{free_port()}"
    result = run_one(address, check(http={"path": "/"}))
    assert not result.passed
    assert result.detail.startswith(f"GET http://{address}/: ")


def test_what_speaks_no_http_fails() -> None:
    class Babble(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"\x00\x01 babble \r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Babble) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            assert not run_one(f"127.0.0.1:{server.server_address[1]}", check(http={"path": "/"})).passed
        finally:
            server.shutdown()
            thread.join()


def test_a_command_passes_with_status_0_and_is_given_the_time_of_one_attempt() -> None:
    given: list[tuple[Sequence[str], timedelta]] = []

    def execute(command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
        given.append((command, timeout))
        return (0, "fine") if len(given) == 2 else (1, "not yet")

    result = run_one("127.0.0.1:1", check(deadline=30, command={"run": ["/bin/ask", "--all"]}), execute)
    assert (result.passed, result.attempts, result.detail) == (True, 2, "/bin/ask --all: status 0: fine")
    assert given[0] == (("/bin/ask", "--all"), timedelta(seconds=0.3))


@pytest.mark.parametrize("error", [Refused("nothing serves hello"), Transient("the engine is gone")])
def test_a_command_that_cannot_be_run_is_a_failing_check(error: Exception) -> None:
    def execute(command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
        raise error

    result = run_one("127.0.0.1:1", check(command={"run": ["true"]}), execute)
    assert not result.passed
    assert str(error) in result.detail


def test_checks_run_side_by_side_and_come_back_in_their_order(server: Server) -> None:
    together = threading.Barrier(3)

    def meet(handler: BaseHTTPRequestHandler) -> None:
        together.wait(30)
        say(200)(handler)

    server.answers["/"] = [meet]
    checks = [check(name, deadline=40, timeout=30, http={"path": "/"}) for name in ("one", "two", "three")]
    results = run_checks(checks, server.address, never, COMMIT)
    assert [(result.name, result.passed) for result in results] == [("one", True), ("two", True), ("three", True)]


def test_no_check_gives_no_result() -> None:
    assert run_checks([], "127.0.0.1:1", never, COMMIT) == ()
