"""Hosts and ports of every kind, put together and taken apart again."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import ValidationError

from pratique.clients.probes import run_checks
from pratique.decisions.addresses import repository_key
from pratique.settings import DockerTarget
from pratique.values.checks import Check, HttpProbe, TcpProbe
from pratique.values.host import host_and_port, interface_for


@pytest.mark.parametrize(
    ("written", "host", "joined", "interface"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:80", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2", "127.0.0.2:80", "127.0.0.2"),
        ("localhost", "localhost", "localhost:80", "127.0.0.1"),
        ("LOCALHOST.", "localhost", "localhost:80", "127.0.0.1"),
        ("::1", "::1", "[::1]:80", "::1"),
        ("[::1]", "::1", "[::1]:80", "::1"),
        ("0:0:0:0:0:0:0:1", "::1", "[::1]:80", "::1"),
        ("::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1:80", "127.0.0.1"),
        ("2001:DB8::0:7", "2001:db8::7", "[2001:db8::7]:80", ""),
        ("[fd00::7]", "fd00::7", "[fd00::7]:80", ""),
        ("192.0.2.7", "192.0.2.7", "192.0.2.7:80", ""),
        ("docker-1.Example.org", "docker-1.example.org", "docker-1.example.org:80", ""),
    ],
)
def test_a_host_of_every_kind(written: str, host: str, joined: str, interface: str) -> None:
    target = DockerTarget(address=written)
    assert (target.address, host_and_port(target.address, 80), interface_for(target.address)) == (host, joined, interface)
    url = urlsplit(f"http://{joined}/path")
    assert (url.hostname, url.port) == (host, 80)
    assert httpx.URL(f"http://{joined}/path").port is None  # 80 is the usual one
    assert httpx.URL(f"http://{host_and_port(host, 81)}/path").port == 81


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            "host:80",
            "127.0.0.1:80",
            "[::1]:80",
            "[127.0.0.1]",
            "[host]",
            "http://host",
            "host/path",
            "a b",
            "-host",
            "host-",
        ),
        *("fe80::1%eth0", "0.0.0.0", "::", "224.0.0.1", "127.1", "2130706433", "0x7f000001", "1.2.3.4.5"),  # noqa: S104
        *("[::1", "::1]", "a..b"),
    ],
)
def test_what_is_no_host_is_told_where_the_settings_are_read(written: str) -> None:
    with pytest.raises(ValidationError, match="address"):
        DockerTarget(address=written)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ssh://git@[::1]:22/a/b.git", "git@[::1]:a/b"),
        ("ssh://git@[::1]:2222/a/b", "ssh://[::1]:2222/a/b.git"),
        ("https://[2001:db8::7]/a/b", "https://[2001:DB8::7]:443/a/b.git"),
        ("git@host:a/b", "https://host/a/b"),
        ("https://host:8443/a/b", "https://HOST:8443/a/b.git"),
    ],
)
def test_repositories_are_told_by_host_and_port(one: str, other: str) -> None:
    assert repository_key(one) == repository_key(other) is not None


def test_a_port_is_no_part_of_an_address() -> None:
    assert repository_key("ssh://git@[::1]:2222/a/b") != repository_key("ssh://git@[::1:2222]/a/b")


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002  # the name is http.server's


class _Server(HTTPServer):
    """On IPv6's loopback."""

    address_family = socket.AF_INET6


@pytest.fixture
def port(socket_enabled: None) -> Iterator[int]:
    with _Server(("::1", 0), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_checks_reach_an_ipv6_address(port: int) -> None:
    checks = [
        Check(name="http", http=HttpProbe(path="/", contains="hello"), deadline=timedelta(seconds=5)),
        Check(name="tcp", tcp=TcpProbe(), deadline=timedelta(seconds=5)),
    ]
    found = run_checks(checks, host_and_port("::1", port), lambda *_: (0, ""), "1" * 40)
    assert [one.passed for one in found] == [True, True], found
