"""What is answered to calls of every provider: good ones, and all those that anybody may send. A refused one leaves nothing.

`tests/cases/webhook/<forge>.json` has the calls as the forge makes them, and what each case changes about one of them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.values.event import Forge
from tests.calls import SECRET, SIGNING_SECRET, Call
from tests.unit.webhook.receiving import a_vault, receiving

CASES = Path(__file__).parents[2] / "cases" / "webhook"
TABLES = {forge: json.loads((CASES / f"{forge}.json").read_text()) for forge in Forge}
DEEP = "[" * 5000 + "]" * 5000
SECRETS = {"SECRET": SECRET, "SIGNING": SIGNING_SECRET}
ALL = [(forge, case) for forge, table in TABLES.items() for case in table["cases"]]


@pytest.mark.parametrize(("forge", "case"), ALL, ids=[f"{forge}: {case['name']}" for forge, case in ALL])
async def test_a_call_is_answered_so(forge: Forge, case: dict[str, Any]) -> None:
    signing = "SIGNING" in json.dumps(case)
    async with receiving(vault=a_vault(following=SIGNING_SECRET) if signing else None) as received:
        for number in range(case.get("times", 1)):
            call = made(forge, case, headers=case.get("headers_again", {}) if number else {})
            response = await received.client.post(f"/events/{forge}", headers=sent(call, case), content=content(call, case))
        stored = received.inbox.events()

    assert response.status_code == case["status"], response.text
    if case["status"] >= 400:
        assert stored == []
        assert response.json()["reasons"]
        assert not any(secret in response.text for secret in (SECRET, SIGNING_SECRET))
        return
    outcome = case.get("outcome", "accepted")
    assert response.json()["outcome"] == outcome
    assert len(stored) == case.get("stored", {"accepted": 1, "ignored": 0}.get(outcome))
    if outcome == "ignored":
        assert response.json()["reason"]
    if "event" in case:
        found = stored[0].event.model_dump(mode="json")
        assert {name: found[name] for name in case["event"]} == case["event"]


def made(forge: Forge, case: dict[str, Any], headers: dict[str, str | None]) -> Call:
    example = TABLES[forge]["calls"][case["call"]]
    body = copy.deepcopy(example["body"])
    for path, value in case.get("set", {}).items():
        put(body, path.split("."), value)
    if "pad" in case:
        body["pad"] = "x" * case["pad"]
    raw = case.get("raw", json.dumps(body))
    if "deep" in case:
        raw = DEEP if case["deep"] == "body" else json.dumps(body)[:-1] + f', "deep": {DEEP}}}'
    changed = {
        **example["headers"],
        **{name: value for name, value in case.get("headers", {}).items() if "signature" not in name},
    }
    kept = {name: spelled(value) for name, value in (changed | headers).items() if value is not None}
    secret = SECRETS.get(case.get("secret", ""), case.get("secret", SECRET))
    dated = datetime.now(UTC) - timedelta(seconds=case.get("age", 0))
    return Call(forge, kept, raw.encode(), secret, unsigned=case.get("unsigned", False), dated=dated)


def sent(call: Call, case: dict[str, Any]) -> dict[bytes, bytes]:
    headers = call.signed() | {name: spelled(value) for name, value in case.get("headers", {}).items() if value is not None}
    return {name.encode(): value.encode("latin-1") for name, value in headers.items()}


def content(call: Call, case: dict[str, Any]) -> bytes | AsyncIterator[bytes]:
    body = call.body.replace(b"1111", b"1112", 1) if case.get("tamper") else call.body
    return chunks(body) if case.get("chunked") else body


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


def spelled(value: str) -> str:
    for name, secret in SECRETS.items():
        value = value.replace(name, secret)
    return value.replace("NOW+1", str(int(datetime.now(UTC).timestamp()) + 1))


def put(body: Any, path: list[str], value: Any) -> None:
    for part in path[:-1]:
        body = body[int(part)] if part.isdigit() else body.setdefault(part, {})
    body[path[-1]] = value


def test_every_provider_has_the_same_dangers_in_its_table() -> None:
    shared = {
        "not signed",
        "a wrong secret",
        "a forged signature",
        "oversized",
        "no JSON",
        "nested deeply",
        "the same call twice",
    }
    for forge, table in TABLES.items():
        names = [case["name"] for case in table["cases"]]
        assert shared <= set(names), forge
        assert len(set(names)) == len(names), forge
