"""What every `Ledger` keeps of the past: what was held when, what was decided until when, and a past that is put back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pratique.clients.ports import Ledger
from pratique.errors import Refused
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner
from pratique.values.grant import GrantEvidence
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.rebuilt import Fence, Rebuilt
from pratique.values.ruling import Hold, Lift, Revoke, Ruling, SignedRuling
from tests.contract.promotions import a_promotion, a_release

BEGAN = datetime(2026, 3, 2, 9, 0, 0, 250_000, tzinfo=UTC)
LONG = timedelta(minutes=5)
ABOUT = {"service": "hello", "release": digest_of(b"first"), "commit": "1" * 40, "reason": "it failed"}


def minute(number: int) -> datetime:
    return BEGAN + timedelta(minutes=number)


def granted(ledger: Ledger, number: int, evidence: str | None = None, **fields: object) -> Promotion:
    """A grant at that minute, by evidence of that name."""
    promotion = a_promotion(**{"started_at": minute(number) - timedelta(seconds=20), **fields})  # type: ignore[arg-type]
    ledger.begin(promotion)
    lease = ledger.acquire(promotion.id, LONG)
    assert lease is not None
    name = digest_of((evidence or promotion.id).encode())
    done = ledger.grant(promotion.id, lease, "127.0.0.1:8080", evidence=GrantEvidence(bundle=name, at=minute(number)))
    ledger.release(lease)
    return done


def ruled(ruling: Ruling) -> SignedRuling:
    return SignedRuling(
        ruling=ruling, by="ada", signer=KeySigner(hint="k"), bundle=digest_of(ruling.model_dump_json().encode())
    )


def a_hold(number: int, environment: str = "prod") -> SignedRuling:
    return ruled(Hold.model_validate({**ABOUT, "environment": environment, "promotion": "p", "made_at": minute(number)}))


def test_what_was_held_at_a_time_is_what_was_granted_last_by_then(ledger: Ledger) -> None:
    first = granted(ledger, 10, release="first")
    second = granted(ledger, 20, release="second")
    granted(ledger, 15, release="third", environment="dev")
    failed = a_promotion(started_at=minute(22))
    ledger.begin(failed)
    ledger.finish(failed.id, PromotionState.FAILED)

    assert ledger.granted_at("hello", "prod", minute(10) - timedelta(microseconds=1)) is None
    assert ledger.granted_at("hello", "prod", minute(10)) == first
    assert ledger.granted_at("hello", "prod", minute(20) - timedelta(microseconds=1)) == first
    assert ledger.granted_at("hello", "prod", minute(20)) == second
    assert ledger.granted_at("hello", "prod", minute(90)) == second == ledger.granted("hello", "prod")
    assert ledger.granted_at("other", "prod", minute(90)) is None


def test_of_two_grants_of_one_moment_the_higher_fence_is_the_later_one(ledger: Ledger) -> None:
    first, second = granted(ledger, 10, release="first"), granted(ledger, 10, release="second")
    assert ledger.granted_at("hello", "prod", minute(10)) == second
    assert ledger.granted_after(first) == second


def test_a_time_ends_with_the_next_grant_by_other_evidence(ledger: Ledger) -> None:
    first = granted(ledger, 10, "grant", release="first")
    kept = granted(ledger, 20, "grant", release="first")
    granted(ledger, 25, release="third", environment="dev")
    second = granted(ledger, 30, release="second")
    granted(ledger, 40, release="fourth")

    assert ledger.granted_at("hello", "prod", minute(25)) == kept
    assert ledger.granted_after(first) == ledger.granted_after(kept) == second


def test_what_is_held_now_has_no_end(ledger: Ledger) -> None:
    granted(ledger, 10, "grant")
    assert ledger.granted_after(granted(ledger, 20, "grant")) is None


def test_rulings_are_told_by_kind_and_until_a_time(ledger: Ledger) -> None:
    held, elsewhere = a_hold(10), a_hold(11, "dev")
    lifted = ruled(Lift.model_validate({**ABOUT, "environment": "prod", "hold": held.bundle, "made_at": minute(20)}))
    revoked = ruled(Revoke.model_validate({**ABOUT, "made_at": minute(30)}))
    for one in (held, elsewhere, lifted, revoked):
        ledger.record_ruling(one)

    assert ledger.rulings("hello", "prod", kinds=("hold", "lift")) == [lifted, held]
    assert ledger.rulings("hello", "prod", kinds=("hold", "revoke"), until=minute(30)) == [revoked, held]
    assert ledger.rulings("hello", "prod", until=minute(30) - timedelta(microseconds=1)) == [lifted, held]
    assert ledger.rulings("hello", "prod", limit=1, kinds=("hold",)) == [held]


def a_past() -> Rebuilt:
    releases = (a_release(), a_release())
    grants = tuple(
        a_promotion(
            release="first",
            environment=environment,
            state=PromotionState.GRANTED,
            fence=fence,
            started_at=minute(fence),
            finished_at=minute(fence + 1),
            evidence=digest_of(f"{environment} {fence}".encode()),
        )
        for environment, fence in (("dev", 2), ("prod", 3), ("dev", 7))
    )
    fences = (Fence(service="hello", environment="dev", highest=7), Fence(service="hello", environment="prod", highest=4))
    return Rebuilt(releases=releases, promotions=grants, rulings=(a_hold(10), a_hold(11)), fences=fences)


def test_what_is_rebuilt_is_on_record_in_its_order_under_its_fences(ledger: Ledger) -> None:
    past = a_past()
    ledger.require_empty()
    ledger.rebuild(past)

    assert tuple(reversed(ledger.releases())) == past.releases
    assert tuple(reversed(ledger.history())) == past.promotions
    assert tuple(reversed(ledger.rulings("hello"))) == past.rulings
    assert ledger.granted("hello", "dev") == past.promotions[2]
    assert ledger.environments() == [("hello", "dev"), ("hello", "prod")]
    assert ledger.holder("hello", "dev") is None
    for environment, fence in (("dev", 8), ("prod", 5)):
        goes_on = a_promotion(environment=environment)
        ledger.begin(goes_on)
        lease = ledger.acquire(goes_on.id, LONG)
        assert lease is not None
        assert lease.fence == fence


@pytest.mark.parametrize(
    "hold",
    [
        lambda ledger: ledger.record_release(a_release()),
        lambda ledger: ledger.begin(a_promotion()),
        lambda ledger: ledger.record_ruling(a_hold(1)),
    ],
    ids=["a release", "a promotion", "a ruling"],
)
def test_a_ledger_that_holds_anything_is_not_rebuilt_and_left_alone(ledger: Ledger, hold: object) -> None:
    assert callable(hold)
    hold(ledger)
    before = (ledger.releases(), ledger.history(), ledger.rulings("hello"))
    for ask in (ledger.require_empty, lambda: ledger.rebuild(a_past())):
        with pytest.raises(Refused, match=r"holds something, and is left alone: let ledger\.url name a new one"):
            ask()
    assert (ledger.releases(), ledger.history(), ledger.rulings("hello")) == before


def test_what_contradicts_itself_is_rebuilt_not_at_all(ledger: Ledger) -> None:
    past = a_past()
    twice = past.model_copy(update={"promotions": (*past.promotions, past.promotions[0])})
    with pytest.raises(Refused):
        ledger.rebuild(twice)
    ledger.require_empty()
