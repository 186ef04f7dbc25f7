"""What every `Ledger` keeps of what people are asked, and of what they and the pipeline decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pratique.clients.ports import Ledger
from pratique.errors import Refused
from pratique.values.asked import Asked
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner
from pratique.values.plan import Change, Plan
from pratique.values.promotion import PromotionState
from pratique.values.ruling import Approve, Hold, Revoke, Ruling, SignedRuling
from tests.contract.promotions import a_promotion

MADE = datetime(2026, 3, 2, 9, 0, 30, 250_000, tzinfo=UTC)
FIELDS = {"service": "hello", "release": digest_of(b"first"), "commit": "1" * 40, "made_at": MADE}
ASKED = Asked(
    plan=Plan(
        changes=(Change(kind="stack", name="messages", action="update", detail="Queue grows"),), desired=(digest_of(b"d"),)
    ),
    policy=digest_of(b"policy"),
)


def signed(ruling: Ruling, by: str = "ada") -> SignedRuling:
    return SignedRuling(ruling=ruling, by=by, signer=KeySigner(hint="k"), bundle=digest_of(ruling.model_dump_json().encode()))


def approval(environment: str = "prod", **fields: object) -> SignedRuling:
    plan = {"plan": ASKED.plan.digest, "policy": ASKED.policy}
    return signed(Approve.model_validate({**FIELDS, **plan, "environment": environment, **fields}))


def test_what_is_asked_stays_on_record_word_for_word(ledger: Ledger) -> None:
    promotion = a_promotion()
    ledger.begin(promotion)
    waiting = ledger.wait(promotion.id, "waits for approval", None, ASKED)
    assert waiting.asked == ASKED
    assert ledger.promotion(promotion.id).asked == ASKED
    assert [one.asked for one in ledger.waiting("hello", "prod")] == [ASKED]


def test_one_that_waited_goes_on_under_its_own_name_and_keeps_what_was_asked(ledger: Ledger) -> None:
    promotion = a_promotion()
    ledger.begin(promotion)
    ledger.wait(promotion.id, "waits for approval", datetime.now(UTC), ASKED)
    going = ledger.go_on(promotion.id)
    assert (going.state, going.reason, going.waits_until, going.asked) == (PromotionState.RUNNING, "", None, ASKED)
    assert ledger.go_on(promotion.id) == going
    lease = ledger.acquire(promotion.id, timedelta(minutes=1))
    assert lease is not None
    assert ledger.grant(promotion.id, lease, "127.0.0.1:8080").state is PromotionState.GRANTED


def test_one_that_runs_goes_on_as_it_is_its_reason_too(ledger: Ledger) -> None:
    promotion = a_promotion(kind="rollback", reason="errors after 14:00")
    ledger.begin(promotion)
    assert ledger.go_on(promotion.id) == ledger.promotion(promotion.id) == promotion


def test_one_that_has_ended_does_not_go_on_and_says_why(ledger: Ledger) -> None:
    promotion = a_promotion()
    ledger.begin(promotion)
    ledger.wait(promotion.id, "waits for approval", None, ASKED)
    ledger.finish(promotion.id, PromotionState.CANCELLED, reason="somebody thought better of it")
    with pytest.raises(Refused, match="somebody thought better of it"):
        ledger.go_on(promotion.id)


def test_rulings_are_kept_once_and_told_newest_first(ledger: Ledger) -> None:
    first, second = approval(), approval(made_at=MADE + timedelta(minutes=1))
    for one in (first, second, first):
        ledger.record_ruling(one)
    assert ledger.rulings("hello", "prod") == [second, first]
    assert ledger.rulings("hello", "prod", limit=1) == [second]
    assert ledger.rulings("other") == []


def test_a_ruling_concerns_its_environment_and_a_revocation_every_one(ledger: Ledger) -> None:
    revoked = signed(Revoke.model_validate({**FIELDS, "reason": "CVE-2026-1"}), by="")
    held = signed(Hold.model_validate({**FIELDS, "environment": "dev", "promotion": "p", "reason": "it failed"}), by="")
    for one in (approval(), held, revoked):
        ledger.record_ruling(one)
    assert ledger.rulings("hello", "prod") == [revoked, approval()]
    assert ledger.rulings("hello", "dev") == [revoked, held]
    assert ledger.rulings("hello") == [revoked, held, approval()]
