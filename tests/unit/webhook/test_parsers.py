"""Whatever comes in, a parser answers with what was heard or with a refusal; what is heard is always fit to be stored."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique.decisions.addresses import repository_key
from pratique.decisions.admission import Listed, admit
from pratique.errors import Invalid, Refused
from pratique.values.event import Event, Forge
from pratique.values.heard import Call
from pratique.values.rules import Rule
from pratique.webhook.authentication import Unauthenticated
from pratique.webhook.providers import PROVIDERS
from tests.calls import SECRET, SIGNING_SECRET
from tests.fakes.inbox import FakeInbox

CASES = Path(__file__).parents[2] / "cases" / "webhook"
CALLS: dict[Forge, list[dict[str, Any]]] = {
    forge: list(json.loads((CASES / f"{forge}.json").read_text())["calls"].values()) for forge in Forge
}
EVERYTHING = {
    "hello": Listed(
        repository="https://git.example.test/team/hello.git",
        images=("team/base",),
        rules=tuple(
            Rule.model_validate(rule)
            for rule in (
                {"on": "push", "do": "deliver"},
                {"on": "tag", "do": "prepare"},
                {"on": "pull_request", "do": "preview"},
                {"on": "image", "do": "prepare", "branch": "main"},
            )
        ),
    )
}
PROOFS = (
    *("x-hub-signature-256", "x-hub-signature", "x-gitea-signature", "x-forgejo-signature", "x-gitlab-token", "authorization"),
    *("webhook-signature", "webhook-id", "webhook-timestamp"),
)
ANY_TEXT = st.text(max_size=60) | st.sampled_from(
    ["refs/heads/main", "refs/tags/v1", "0" * 40, "1" * 40, "-x", "a/../b", "\0", "\ud800"]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)
BRIEFLY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@pytest.fixture(params=list(Forge), ids=str)
def forge(request: pytest.FixtureRequest) -> Forge:
    return Forge(request.param)


def taken(forge: Forge, headers: dict[str, str], body: bytes) -> None:
    """Read, admit and store, as the intake does."""
    try:
        call = PROVIDERS[forge].read(headers, body)
    except Invalid:
        return
    assert isinstance(call, Call)
    assert bool(call.heard) is not bool(call.ignored)
    for heard in call.heard:
        with suppress(Refused):
            event = admit(forge, heard, EVERYTHING, datetime.now(UTC))
            if isinstance(event, Event):
                assert Event.model_validate_json(event.model_dump_json()) == event
                assert event.ref.isprintable()
                assert list(FakeInbox().store([event])) == [True]


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a document."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(path for key, part in parts for path in paths(part, (*before, key)))]


@BRIEFLY
@given(body=st.binary(max_size=300), headers=st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=3))
def test_bytes_of_any_kind_are_refused_or_understood(forge: Forge, body: bytes, headers: dict[str, str]) -> None:
    taken(forge, {**CALLS[forge][0]["headers"], **headers}, body)


@BRIEFLY
@given(data=st.data())
def test_any_part_may_be_anything(forge: Forge, data: st.DataObject) -> None:
    call = copy.deepcopy(data.draw(st.sampled_from(CALLS[forge])))
    document = {"it": call["body"]}
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(paths(document)[1:]))
        part: Any = document
        for key in way:
            part = part[key]
        part[last] = data.draw(ANY_JSON)
    body = json.dumps(document["it"]).encode("utf-8", "surrogatepass")
    taken(forge, call["headers"], body)


@BRIEFLY
@given(data=st.data())
def test_any_header_may_be_anything(forge: Forge, data: st.DataObject) -> None:
    call = data.draw(st.sampled_from(CALLS[forge]))
    name = data.draw(st.sampled_from(list(call["headers"])))
    taken(forge, call["headers"] | {name: data.draw(st.text(max_size=200))}, json.dumps(call["body"]).encode())


@BRIEFLY
@given(
    body=st.binary(max_size=100),
    told=st.text(max_size=100),
    name=st.sampled_from(PROOFS),
)
def test_nobody_is_let_in_by_chance(forge: Forge, body: bytes, told: str, name: str) -> None:
    headers = {"webhook-id": "a", "webhook-timestamp": str(int(datetime.now(UTC).timestamp())), "webhook-signature": "v1,"}
    for signing in (SECRET, SIGNING_SECRET):
        with pytest.raises(Unauthenticated):
            PROVIDERS[forge].authenticate(headers | {name: told}, body, [signing], datetime.now(UTC), timedelta(minutes=5))


@BRIEFLY
@given(address=st.text(max_size=80) | st.sampled_from(["https://[::1", "ssh://h:99999/x", "http://h:x/y", "://", "a:b:c"]))
def test_the_key_of_an_address_never_fails(address: str) -> None:
    repository_key(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.test/team/hello.git",
        "https://git.example.test/team/hello",
        "https://GIT.example.test:443/team/hello.git/",
        "git@git.example.test:team/hello.git",
        "ssh://git@git.example.test/team/hello.git",
        "ssh://git@git.example.test:22/team/hello",
        "http://git.example.test/team/hello",
    ],
)
def test_the_addresses_of_one_repository_have_one_key(address: str) -> None:
    assert repository_key(address) == ("git.example.test", "team/hello")


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.test:8443/team/hello",
        "https://git.example.test/team/Hello",
        "https://git.example.test/x/team/hello",
        "/team/hello",
        "ssh://git@git.example.test:2222/team/hello",
        "https://git.example.test.evil.test/team/hello",
        "https://git.example.test",
        "hello",
        "",
    ],
)
def test_other_addresses_have_other_keys(address: str) -> None:
    assert repository_key(address) != ("git.example.test", "team/hello")
