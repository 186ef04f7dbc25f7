"""The guard before Prefect's server: by which name, and from which page, it may be asked."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.prefect_server import Guard

UI = "http://127.0.0.1:4200"


async def behind(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "answered"})


async def asked(kind: str, *headers: tuple[str, str]) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        said.append(dict(message))

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    guard = Guard(behind, ["prefect.example.com"], [UI])
    await guard({"type": kind, "headers": [(name.encode(), value.encode()) for name, value in headers]}, receive, send)
    return said


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1:4200", "127.0.0.1", "[::1]:4200", "prefect.example.com", "PREFECT.example.com:443"]
)
@pytest.mark.parametrize("origin", [(), (("origin", UI),)])
async def test_it_is_asked_by_its_names_by_programs_and_by_the_ui(kind: str, host: str, origin: Any) -> None:
    assert await asked(kind, ("host", host), *origin) == [{"type": "answered"}]


HOSTS = [
    "evil.example",
    "evil.example:4200",
    "127.0.0.1.evil.example",
    "127.0.0.1:4200@evil.example",
    "",
    ":4200",
    "localhost",
]


@pytest.mark.parametrize("host", HOSTS)
async def test_another_name_is_refused(host: str) -> None:
    assert (await asked("http", ("host", host)))[0]["status"] == 421
    assert (await asked("websocket", ("host", host)))[0]["type"] == "websocket.close"


@pytest.mark.parametrize("headers", [[], [("host", "127.0.0.1"), ("host", "evil.example")]])
async def test_no_name_and_two_names_are_refused(headers: list[tuple[str, str]]) -> None:
    assert (await asked("http", *headers))[0]["status"] == 421


ORIGINS = [
    "http://evil.example",
    "null",
    "",
    "http://127.0.0.1:4201",
    "http://127.0.0.1",
    "https://127.0.0.1:4200",
    UI + ".evil.example",
    UI.upper(),
]


@pytest.mark.parametrize("origin", ORIGINS)
async def test_another_page_is_refused(origin: str) -> None:
    assert (await asked("http", ("host", "127.0.0.1:4200"), ("origin", origin)))[0]["status"] == 403
    assert (await asked("websocket", ("host", "127.0.0.1:4200"), ("origin", origin)))[0]["type"] == "websocket.close"


async def test_the_servers_own_start_and_end_pass() -> None:
    assert await asked("lifespan") == [{"type": "answered"}]
