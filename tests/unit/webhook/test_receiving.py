"""Bounds, secrets, storing and health of the application, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from pratique.errors import Refused, Transient
from pratique.values.event import Backlog, Event
from pratique.webhook import bodies
from pratique.webhook.rates import Rates
from tests.calls import SECRET, Call, github_push
from tests.contract.events import HELLO, a_commit
from tests.fakes.inbox import FakeInbox
from tests.unit.webhook.receiving import NEXT_SECRET, Received, a_vault, receiving, settings

REPOSITORY = "https://git.example.test/team/hello.git"


async def send(received: Received, call: Call) -> Any:
    return await received.client.post(f"/events/{call.forge}", headers=call.signed(), content=call.body)


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.005)


# ── rates and bodies


def test_a_rate_lets_in_what_a_second_holds_and_says_when_to_come_again() -> None:
    rates = Rates(per_address=2, overall=3, now=0.0)
    assert [rates.wait("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert rates.wait("b", 0.0) == 0.0
    assert rates.wait("c", 0.0) == pytest.approx(1 / 3)
    assert rates.wait("a", 0.5) == 0.0
    assert rates.wait("a", 0.5) == 0.5


def test_who_calls_too_often_takes_nothing_from_others() -> None:
    rates = Rates(per_address=1, overall=2, now=0.0)
    assert rates.wait("loud", 0.0) == 0.0
    assert all(rates.wait("loud", 0.0) > 0 for _ in range(100))
    assert rates.wait("quiet", 0.0) == 0.0


def test_addresses_are_forgotten_in_the_order_of_their_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pratique.webhook.rates.MOST_ADDRESSES", 2)
    rates = Rates(per_address=1, overall=100, now=0.0)
    for address in ("a", "b", "a", "c"):
        rates.wait(address, 0.0)
    assert rates.wait("a", 0.0) > 0
    assert rates.wait("b", 0.0) == 0.0


async def test_too_many_calls_are_sent_away_with_a_time_to_come_again() -> None:
    async with receiving(settings({"rate_per_address": 2})) as received:
        answers = [await send(received, github_push(REPOSITORY, a_commit(number))) for number in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert len(received.inbox.events()) == 2


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "WITHIN", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    held = bodies.Bodies(1000)
    with pytest.raises(bodies.TooSlow):
        await held.read(never(), None)
    assert held.held == 0


async def test_no_more_is_held_than_fits_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MOST_AT_ONCE", 10)

    async def some(chunk: bytes) -> AsyncIterator[bytes]:
        yield chunk

    held = bodies.Bodies(1000)
    first = await held.read(some(b"x" * 8), "8")
    with pytest.raises(Transient):
        await held.read(some(b"x" * 8), "8")
    held.release(first)
    assert await held.read(some(b"x" * 8), "8")


async def test_what_says_it_is_too_large_is_not_read() -> None:
    async def nothing() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    for declared in ("1001", "9" * 5000):
        with pytest.raises(bodies.TooLarge):
            await bodies.Bodies(1000).read(nothing(), declared)


# ── secrets


async def test_both_secrets_are_valid_while_they_are_exchanged() -> None:
    async with receiving() as received:
        for number, secret in enumerate((SECRET, NEXT_SECRET)):
            assert (await send(received, github_push(REPOSITORY, a_commit(number), secret=secret))).status_code == 202
        assert (
            await send(received, github_push(REPOSITORY, a_commit(9), secret="a third secret of somebody"))
        ).status_code == 401


async def test_a_new_value_counts_once_the_old_one_is_no_longer_kept() -> None:
    async with receiving(settings({"secrets_kept": "50ms"})) as received:
        assert (await send(received, github_push(REPOSITORY, a_commit(1)))).status_code == 202
        received.vault.put_secret("webhook", {"current": "a quite different secret", "next": NEXT_SECRET})
        await asyncio.sleep(0.06)
        assert (await send(received, github_push(REPOSITORY, a_commit(2)))).status_code == 401
        answer = await send(received, github_push(REPOSITORY, a_commit(2), secret="a quite different secret"))
        assert answer.status_code == 202


async def test_a_vault_that_is_sealed_lets_nobody_in() -> None:
    async with receiving(settings({"secrets_kept": "50ms"})) as received:
        assert (await send(received, github_push(REPOSITORY, a_commit(1)))).status_code == 202
        received.vault.seal()
        await asyncio.sleep(0.06)
        answer = await send(received, github_push(REPOSITORY, a_commit(2)))
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert (await received.client.get("/readyz")).status_code == 503
        received.vault.unseal()
        assert (await send(received, github_push(REPOSITORY, a_commit(2)))).status_code == 202


@pytest.mark.parametrize("current", ["", "short", "whsec_not base64"])
async def test_a_secret_that_is_none_counts_for_nothing_and_the_other_does(current: str) -> None:
    async with receiving(vault=a_vault(current=current)) as received:
        assert (await send(received, github_push(REPOSITORY, a_commit(1), secret=current))).status_code == 401
        assert (await send(received, github_push(REPOSITORY, a_commit(1), secret=NEXT_SECRET))).status_code == 202


async def test_without_any_secret_in_vault_nobody_is_let_in() -> None:
    async with receiving(vault=a_vault(current="", following="")) as received:
        assert (await send(received, github_push(REPOSITORY, a_commit(1), secret=""))).status_code == 503
        assert received.inbox.events() == []


async def test_a_forge_without_secrets_cannot_call() -> None:
    async with receiving(settings({"secrets": {"gitlab": ["vault:kv/data/webhook#current"]}})) as received:
        assert (await send(received, github_push(REPOSITORY, a_commit(1)))).status_code == 404
        assert (await received.client.post("/events/sourceforge")).status_code == 404


# ── storing


class SlowInbox(FakeInbox):
    """Counts transactions, each of which waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions: list[int] = []
        self.fails: Exception | None = None

    def store(self, events: Sequence[Event]) -> Sequence[bool]:
        self.transactions.append(len(events))
        if self.fails is not None:
            raise self.fails
        return super().store(events)


async def test_calls_that_come_together_share_a_transaction() -> None:
    inbox = SlowInbox()
    async with receiving(settings({"rate_per_address": 1000}), inbox=inbox) as received:
        answers = await asyncio.gather(*(send(received, github_push(REPOSITORY, a_commit(number))) for number in range(60)))
    assert {answer.status_code for answer in answers} == {202}
    assert sum(inbox.transactions) == 60
    assert len(inbox.transactions) < 30


@pytest.mark.parametrize(
    ("failure", "status"), [(Transient("the database is locked"), 503), (Refused("the disk is full"), 403)]
)
async def test_what_could_not_be_stored_is_not_accepted(failure: Exception, status: int) -> None:
    inbox = SlowInbox()
    async with receiving(inbox=inbox) as received:
        inbox.fails = failure
        assert (await send(received, github_push(REPOSITORY, a_commit(1)))).status_code == status
        inbox.fails = None
        assert (await send(received, github_push(REPOSITORY, a_commit(1)))).status_code == 202


async def test_when_the_inbox_is_behind_callers_come_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    # A look at the inbox between storing an event and counting it counts it twice, until the next look.
    monkeypatch.setattr("pratique.webhook.app.LOOK", 3600)
    async with receiving(settings({"most_waiting": 2})) as received:
        await until(lambda: received.receiver.inbox_answers)
        answers = [await send(received, github_push(REPOSITORY, a_commit(number))) for number in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 503]
        assert answers[2].headers["retry-after"]
    assert len(received.inbox.events()) == 2


# ── health


async def test_it_is_ready_once_inbox_and_vault_answer() -> None:
    async with receiving() as received:
        assert (await received.client.get("/healthz")).json() == {"status": "ok"}
        await until(lambda: received.receiver.inbox_answers)
        assert (await received.client.get("/readyz")).json() == {"ready": True, "reasons": []}


async def test_an_inbox_that_does_not_answer_makes_it_unready() -> None:
    class Gone(FakeInbox):
        def backlog(self) -> Backlog:
            raise Transient("the database is gone")

    async with receiving(inbox=Gone()) as received:
        answer = await received.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["reasons"] == ["the inbox does not answer"]


async def test_metrics_tell_what_came_and_what_waits() -> None:
    async with receiving() as received:
        call = github_push(REPOSITORY, a_commit(1))
        await send(received, call)
        await send(received, call)
        await received.client.post("/events/github", content=b"{}")
        text = (await received.client.get("/metrics")).text
    assert 'pratique_webhook_calls_total{forge="github",status="202"} 1.0' in text
    assert 'pratique_webhook_calls_total{forge="github",status="401"} 1.0' in text
    assert 'pratique_webhook_events_total{forge="github",outcome="known"} 1.0' in text
    assert "pratique_webhook_seconds_bucket" in text
    assert HELLO not in text
