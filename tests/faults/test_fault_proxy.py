"""The proxy that other suites break things with does what it is told, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.services.fault_proxy import FaultProxy


class _Echo(BaseHTTPRequestHandler):
    """Answers with method, path, Host and the body; as chunks where the path says so."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = f"{self.command} {self.path} {self.headers['Host']} ".encode() + body
        self.send_response(200)
        if "chunks" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(answer), answer))
        else:
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer if self.command != "HEAD" else b"")

    do_GET = do_HEAD = do_LIST = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def proxy(fault_proxy: Callable[[str], FaultProxy]) -> Iterator[FaultProxy]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with FaultProxy(f"http://127.0.0.1:{server.server_port}") as proxy:
            yield proxy
        server.shutdown()


def test_what_is_sent_arrives_unchanged_and_what_is_answered_comes_back(proxy: FaultProxy) -> None:
    with httpx.Client(base_url=proxy.url) as client:
        assert client.post("/a?b=c", content=b"body").content == f"POST /a?b=c {proxy.address} body".encode()
        assert client.post("/a", content=iter([b"in ", b"pieces"])).text.endswith("in pieces")
        assert client.post("/chunks", content=b"x").text.endswith("x")
        assert client.request("LIST", "/a").status_code == 200
        assert client.head("/a").content == b""
    assert next((one.method, one.path, one.status) for one in proxy.seen) == ("POST", "/a?b=c", 200)
    assert (proxy.count(), proxy.count("POST"), proxy.count(path="^/a$")) == (5, 3, 3)


def test_a_fault_strikes_the_requests_it_names_as_often_as_it_says(proxy: FaultProxy) -> None:
    fault = proxy.answer(503, method="POST", path="^/a", times=2, headers={"Retry-After": "7"}, body=b"busy")
    with httpx.Client(base_url=proxy.url) as client:
        assert [client.get("/a").status_code, client.post("/b").status_code] == [200, 200]
        answers = [client.post("/a", content=b"some body") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert (answers[0].headers["Retry-After"], answers[0].text) == ("7", "busy")
    assert fault.struck == 2


def test_a_dropped_connection_is_an_error_and_the_next_one_is_served(proxy: FaultProxy) -> None:
    proxy.drop()
    with httpx.Client(base_url=proxy.url) as client:
        with pytest.raises(httpx.TransportError):
            client.get("/a")
        assert client.get("/a").status_code == 200
    assert [one.status for one in proxy.seen] == [0, 200]


def test_a_delay_outlasts_an_impatient_client(proxy: FaultProxy) -> None:
    proxy.delay(0.5)
    with httpx.Client(base_url=proxy.url, timeout=httpx.Timeout(60, read=0.1)) as client, pytest.raises(httpx.ReadTimeout):
        client.get("/a")


def test_something_can_be_done_in_between_and_faults_can_be_forgotten(proxy: FaultProxy) -> None:
    events: list[str] = []
    proxy.before(lambda: events.append("before"), path="/a")
    proxy.answer(500, times=100)
    with httpx.Client(base_url=proxy.url) as client:
        assert client.get("/a").status_code == 200
        assert client.get("/a").status_code == 500
        proxy.heal()
        assert client.get("/a").status_code == 200
    assert events == ["before"]


def test_a_request_is_told_by_its_body_too_which_still_arrives(proxy: FaultProxy) -> None:
    events: list[str] = []
    proxy.before(lambda: events.append("before"), method="POST", body=b"Action=Exec")
    with httpx.Client(base_url=proxy.url) as client:
        assert client.post("/a", content=b"Action=List").text.endswith("Action=List")
        assert events == []
        assert client.post("/a", content=b"Action=Exec").text.endswith("Action=Exec")
        assert client.post("/a", content=iter([b"Action", b"=Exec"])).text.endswith("Action=Exec")
    assert events == ["before"]
