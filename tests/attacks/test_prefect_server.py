"""The local stack's Prefect server: what other users of the machine, and pages in its user's browser, get from it."""

from __future__ import annotations

import asyncio
import stat

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from pratique.clients.prefect import open_prefect
from pratique.errors import Refused
from pratique.settings import PrefectSettings
from tests.services.stack import RunningStack

pytestmark = pytest.mark.xdist_group("stack")

EVIL = "http://evil.example"
READING = [
    "/flow_runs/count",
    "/block_documents/filter",
    "/deployments/filter",
    "/logs/filter",
    "/artifacts/filter",
    "/events/filter",
]
STREAMS = ["/events/in", "/events/out", "/logs/out"]


def server(stack: RunningStack) -> str:
    return stack.settings().prefect.api_url


def port_of(stack: RunningStack) -> str:
    return server(stack).removesuffix("/api").rpartition(":")[2]


def password_of(stack: RunningStack) -> str:
    file = stack.settings().prefect.auth_file
    assert file is not None
    return file.read_text()


@pytest.mark.parametrize("password", [None, ("pratique", ""), ("pratique", "guessed"), ("admin", "pass")])
@pytest.mark.parametrize("path", READING)
def test_without_the_password_nothing_is_told(stack: RunningStack, path: str, password: tuple[str, str] | None) -> None:
    assert httpx.post(f"{server(stack)}{path}", json={}, auth=password).status_code == 401


@pytest.mark.parametrize(
    "path", ["/flows/", "/deployments/", "/work_pools/", "/variables/", "/events", "/admin/database/clear"]
)
def test_without_the_password_nothing_is_written(stack: RunningStack, path: str) -> None:
    assert httpx.post(f"{server(stack)}{path}", json={"name": "evil", "confirm": True}).status_code == 401


def test_a_client_without_the_password_is_told_where_to_name_it(stack: RunningStack) -> None:
    with (
        open_prefect(PrefectSettings(api_url=server(stack))) as prefect,
        pytest.raises(Refused, match=r"check prefect\.auth_file"),
    ):
        prefect.pools()


@pytest.mark.parametrize("token", [None, "", "guessed"])
@pytest.mark.parametrize("path", STREAMS)
async def test_a_stream_says_nothing_without_the_password(stack: RunningStack, path: str, token: str | None) -> None:
    address = server(stack).replace("http://", "ws://") + path
    with pytest.raises((ConnectionClosed, InvalidStatus)):
        async with connect(address, subprotocols=[Subprotocol("prefect")] if token is not None else None) as stream:
            await stream.send(f'{{"type": "auth", "token": "{token}"}}')
            await asyncio.wait_for(stream.recv(), 30)
            await asyncio.wait_for(stream.recv(), 30)


@pytest.mark.parametrize("path", STREAMS)
async def test_another_page_opens_no_stream_even_with_the_password(stack: RunningStack, path: str) -> None:
    address = server(stack).replace("http://", "ws://") + path
    with pytest.raises(InvalidStatus):
        async with connect(address, subprotocols=[Subprotocol("prefect")], origin=Origin(EVIL)):
            pass


@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost:1", "https://127.0.0.1"])
def test_a_pages_preflight_is_not_answered_with_leave_to_ask(stack: RunningStack, origin: str) -> None:
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = httpx.options(f"{server(stack)}/flow_runs/filter", headers=asks)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_page_that_has_got_hold_of_the_password_is_still_no_page_of_the_ui(stack: RunningStack) -> None:
    with stack.prefect_api() as api:
        assert api.post("/flow_runs/filter", json={}, headers={"Origin": EVIL}).status_code == 403
        assert api.post("/flow_runs/filter", json={}, headers={"Origin": server(stack).removesuffix("/api")}).is_success


def test_the_ui_may_ask(stack: RunningStack) -> None:
    ui = server(stack).removesuffix("/api")
    asks = {"Origin": ui, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = httpx.options(f"{server(stack)}/flow_runs/filter", headers=asks)
    assert answer.is_success
    assert answer.headers["access-control-allow-origin"] == ui
    assert httpx.get(ui, follow_redirects=True).is_success


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost:{port}"])
@pytest.mark.parametrize("path", ["/api/flow_runs/filter", "/", "/api/health", "/docs"])
def test_a_name_that_was_made_to_lead_here_is_not_answered(stack: RunningStack, host: str, path: str) -> None:
    url = server(stack).removesuffix("/api") + path
    user, _, password = password_of(stack).partition(":")
    answer = httpx.get(url, headers={"Host": host.format(port=port_of(stack))}, auth=(user, password))
    assert answer.status_code == 421


def test_the_password_is_long_its_owners_alone_and_nowhere_else(stack: RunningStack) -> None:
    file = stack.settings().prefect.auth_file
    assert file is not None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = file.read_text().partition(":")[2]
    assert len(secret) >= 32
    assert [" ".join(found) for process in psutil.process_iter() if secret in " ".join(found := command_of(process))] == []
    holding = [
        one.relative_to(stack.folder).as_posix()
        for one in stack.folder.rglob("*")
        if one.is_file() and one != file and "registry" not in one.parts and secret.encode() in one.read_bytes()
    ]
    assert holding == []


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


LISTENING = {"openbao", "registry", "aws", "prefect"}
"""What the threat model's table of the local stack lists."""


def test_nothing_listens_but_what_the_threat_model_lists_and_all_of_it_on_loopback(stack: RunningStack) -> None:
    found = {}
    for service in stack.local.status():
        if service.process_id is None or service.name == "dockerd":
            continue
        process = psutil.Process(service.process_id)
        sockets = [one for member in (process, *process.children(recursive=True)) for one in member.net_connections("inet")]
        found[service.name] = {one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN}
    assert {name for name, addresses in found.items() if addresses} == LISTENING
    assert set().union(*found.values()) == {"127.0.0.1"}
