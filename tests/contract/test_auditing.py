"""What was in an environment at a time, and whether signatures prove it: on a real ledger, against whoever changes either."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from pratique.clients.ledger.engine import connected
from pratique.clients.ledger.tables import promotions
from pratique.decisions.seen import Seen
from pratique.errors import Refused
from pratique.pipeline import auditing
from pratique.settings import EnvironmentSettings
from pratique.values.audit import Audit
from pratique.values.decision import Decision
from pratique.values.digest import digest_of
from pratique.values.environment import Environment
from pratique.values.gate import Excepted
from pratique.values.judged import Judged
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease, release_repository
from pratique.values.ruling import Revoke
from pratique.values.trust import TrustedKey
from tests.contract.past import POLICY, Factory, plan_of
from tests.fakes.registry import FakeRegistry
from tests.services.registry import RealRegistry

BUILT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> list[Decision]:
    """What the gates say today; the last one counts."""
    said = [Decision()]

    def judge(_clients: Any, _seen: Seen, environment: Environment, _modules: Any, *, purpose: str) -> Judged:
        assert (environment.name, purpose) == ("dev", "reverify")
        return Judged(decision=said[-1], besides_approval=said[-1], policy=POLICY, looked_at=(), at=datetime.now(UTC))

    monkeypatch.setattr(auditing, "judge_seen", judge)
    return said


@pytest.fixture
def factory(verdict: list[Decision], tmp_path: Path) -> Factory:
    assert verdict
    return Factory.at(FakeRegistry(), f"sqlite:///{tmp_path / 'ledger.db'}")


def audited(factory: Factory, at: datetime | None = None, service: str = "hello") -> Audit:
    found = auditing.audit(factory, service, "dev", at)
    assert found is not None
    return found


def delivered(factory: Factory, service: str = "hello") -> tuple[StoredRelease, Promotion]:
    """A release that two have approved of, one of them by a click."""
    stored = factory.make(service, BUILT)
    approvals = [factory.approved(stored, "dev", "ada"), factory.approved(stored, "dev", "bob", click=True)]
    waited = factory.go_on(factory.wait(stored, "dev"))
    return stored, factory.finish(stored, waited, approvals=approvals)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_answer_names_everything_and_is_proved(
    kind: str, plain_registry: RealRegistry, verdict: list[Decision], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert verdict
    new_postgresql: Callable[[], str] = request.getfixturevalue("new_postgresql")
    url = new_postgresql() if kind == "postgresql" else f"sqlite:///{tmp_path / 'ledger.db'}"
    factory, service = Factory.at(plain_registry, url), f"hello-{uuid.uuid4().hex[:8]}"
    stored, granted = delivered(factory, service)

    found = audited(factory, service=service)
    assert (found.faults, found.differences, found.against) == ((), (), ())
    assert (found.is_proved, found.is_valid) == (True, True)
    assert (found.release, found.commit, found.promotion) == (stored.digest, stored.release.commit.id, granted.id)
    assert (found.since, found.until, found.replaced) == (granted.finished_at, None, None)
    assert (found.requested_by, found.run, found.address) == (granted.requested_by, granted.run_url, granted.address)
    assert (found.policy, found.plan, found.changes) == (POLICY, plan_of(stored).digest, plan_of(stored).changes)
    assert [(one.by, one.is_click) for one in found.approvals] == [("ada", False), ("bob", True)]
    assert [check.name for check in found.checks] == ["healthy"]
    assert [(one.kind, one.says) for one in found.evidence] == [
        ("grant", "promote into dev, fence 1"),
        ("verdict", "passed, on 2 statements"),
        ("results", "healthy: 200 OK"),
        ("approval", "looks right"),
        ("approval", "looks right; a click, of which nobody can prove whose it was"),
    ]
    assert found.evidence[0].bundle == granted.evidence
    assert found.evidence[3].by == "ada"
    with factory.registry() as registry:
        for one in found.evidence:
            assert digest_of(registry.blob(release_repository(service), one.bundle)) == one.bundle


def test_each_time_has_its_own_answer(factory: Factory) -> None:
    first, granted = delivered(factory)
    kept = factory.keep(first, "dev")
    second = factory.make("hello", BUILT)
    later = factory.promote(second, "dev")
    assert granted.finished_at is not None
    assert kept.finished_at is not None
    assert later.finished_at is not None

    assert auditing.audit(factory, "hello", "dev", granted.finished_at - MOMENT) is None
    for at in (granted.finished_at, kept.finished_at, later.finished_at - MOMENT):
        found = audited(factory, at)
        assert (found.release, found.since, found.until) == (first.digest, granted.finished_at, later.finished_at)
        assert found.is_proved, (found.faults, found.differences)
    found = audited(factory, later.finished_at)
    assert (found.release, found.since, found.until) == (second.digest, later.finished_at, None)
    assert found == audited(factory).model_copy(update={"at": found.at})
    assert found.replaced is not None
    assert (found.replaced.grant, found.replaced.commit) == (granted.evidence, first.release.commit.id)


def test_a_place_that_nobody_knows_is_refused_and_the_known_ones_are_named(factory: Factory) -> None:
    delivered(factory)
    with pytest.raises(Refused, match="nothing of 'hello' was ever promoted into 'prod': its environments on record are dev"):
        auditing.audit(factory, "hello", "prod", None)
    with pytest.raises(Refused, match="on record are none"):
        auditing.audit(factory, "nobody", "dev", None)


def change(factory: Factory, promotion: Promotion, **columns: object) -> None:
    """As somebody who may write to the database does."""
    with (
        connected(factory.settings.ledger.url) as engine,
        engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        connection.execute(update(promotions).where(promotions.c.id == promotion.id).values(**columns))


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"requested_by": "Eve"}, "requested_by: the ledger says 'Eve', the signed grant 'Ada <ada@example.test>'"),
        ({"commit_id": "e" * 40}, f"commit: the ledger says '{'e' * 40}', the signed grant"),
        ({"kind": "rollback"}, "kind: the ledger says 'rollback', the signed grant 'promote'"),
        ({"fence": 7}, "fence: the ledger says '7', the signed grant '1'"),
        ({"address": "10.0.0.1:80"}, "address: the ledger says '10.0.0.1:80', the signed grant"),
        ({"run_url": ""}, "run: the ledger says '', the signed grant"),
        ({"reason": "because"}, "reason: the ledger says 'because', the signed grant ''"),
        ({"started_at": BUILT}, "began_at: the ledger says '2026-03-02 09:00:00+00:00', the signed grant"),
        ({"finished_at": BUILT}, "granted_at: the ledger says '2026-03-02 09:00:00+00:00', the signed grant"),
        ({"id": "another"}, "the ledger has no promotion"),
    ],
)
def test_whatever_the_ledger_says_that_nobody_signed_is_told(factory: Factory, columns: dict[str, object], told: str) -> None:
    _, granted = delivered(factory)
    change(factory, granted, **columns)
    found = audited(factory)
    assert not found.is_proved
    assert len(found.differences) == 1
    assert found.differences[0].startswith(told)
    assert found.faults == ()


def test_another_release_in_the_ledger_than_was_granted_is_told(factory: Factory) -> None:
    stored, granted = delivered(factory)
    other = factory.make("hello", BUILT)
    change(factory, granted, release=other.digest)
    found = audited(factory)
    assert found.release == stored.digest
    assert any(one.startswith(f"release: the ledger says '{other.digest}'") for one in found.differences)
    assert any("does not speak of release" in one for one in found.faults)


def test_a_grant_that_only_the_ledger_knows_of_is_not_proved(factory: Factory) -> None:
    _, granted = delivered(factory)
    change(factory, granted, evidence=None)
    found = audited(factory)
    (fault,) = found.faults
    assert fault == f"nobody signed that promotion {granted.id} was granted: the ledger says so, and nothing else does"


def test_a_grant_that_the_ledger_has_lost_is_missed_by_the_one_after_it(factory: Factory) -> None:
    delivered(factory)
    hidden = factory.promote(factory.make("hello", BUILT), "dev")
    last = factory.promote(factory.make("hello", BUILT), "dev")
    change(factory, hidden, state="failed")
    assert last.finished_at is not None
    found = audited(factory, last.finished_at - MOMENT)
    (difference,) = found.differences
    assert difference.startswith(f"what was granted next replaces {hidden.evidence}, not {found.evidence[0].bundle}")


def test_evidence_that_is_another_ones_is_no_proof(factory: Factory) -> None:
    stored, granted = delivered(factory)
    known = audited(factory)
    verdict, approval = known.evidence[1].bundle, known.evidence[3].bundle
    for bundle, problem in (
        (verdict, "it is no grant"),
        (approval, "is not signed by anyone"),
        (digest_of(b"gone"), "holds no"),
    ):
        change(factory, granted, evidence=bundle)
        found = audited(factory)
        assert not found.is_proved
        assert any(problem in fault for fault in found.faults), found.faults
        assert found.release == stored.digest


def test_evidence_that_is_gone_from_the_registry_is_told_by_its_digest(factory: Factory) -> None:
    stored, _ = delivered(factory)
    known = audited(factory)
    assert isinstance(factory.site, FakeRegistry)
    place = stored.reference.repository, stored.digest
    attached = list(factory.site.attached[place])
    for one in known.evidence:
        content = factory.site.blobs.pop((release_repository("hello"), one.bundle))
        factory.site.attached[place] = [entry for entry in attached if entry[1] != one.bundle]
        found = audited(factory)
        named = {"grant": one.bundle, "results": f"checks {one.bundle[7:19]} is not attached by anyone"}
        expected = named.get(one.kind, f"{one.kind} {one.bundle[7:19]} is not attached by anyone")
        assert any(expected in fault for fault in found.faults), one.kind
        factory.site.blobs[release_repository("hello"), one.bundle] = content
    # Each can still be read by its digest, but nothing of it is attached to the release.
    named_ = {one.bundle for one in known.evidence}
    factory.site.attached[place] = [entry for entry in attached if entry[1] not in named_]
    granted_by, *words = [one.bundle[7:19] for one in known.evidence if one.kind in {"grant", "approval"}]
    missed = "which is not attached or does not count"
    signers = dict(zip(words, ("ada", "the pipeline"), strict=True))
    assert audited(factory).faults == (
        f"the ledger says that 'dev' has granted it by grant {granted_by}, {missed}",
        *(
            f"the ledger has on record that {signers[one]} signed a ruling to approve it, {one}, {missed}"
            for one in words[::-1]
        ),
    )


def test_whom_nobody_trusts_any_more_proves_nothing(factory: Factory) -> None:
    delivered(factory)
    places = factory.settings.environments
    ada = TrustedKey(pem=factory.keys.public_key("ada")[1])
    without_trust = factory.changed(environments={**places, "dev": EnvironmentSettings(trust=(ada,))})
    assert any(
        fault.startswith("grant ") and "not signed by anyone trusted" in fault for fault in audited(without_trust).faults
    )
    without_people = factory.changed(people={name: one for name, one in factory.settings.people.items() if name == "bob"})
    found = audited(without_people)
    (approval,) = [one.bundle[7:19] for one in found.evidence if one.kind == "approval" and one.problem]
    (grant,) = [one.bundle[7:19] for one in found.evidence if one.kind == "grant"]
    (verdict,) = [one.bundle[7:19] for one in found.evidence if one.kind == "verdict"]
    unknown = "is attached, but does not count: bundle sha256:"
    for fault, expected in zip(
        found.faults,
        (
            f"the bundle {approval} says it is https://pratique.dev/ruling/v1: bundle sha256:{approval}",
            f"grant {grant} in 'dev': its verdict {verdict} rests on the evidence {approval}, which {unknown}{approval}",
            f"grant {grant} in 'dev': its approval {approval} {unknown}{approval}",
            f"the ledger has on record that ada signed a ruling to approve it, {approval}, which is not attached",
        ),
        strict=True,
    ):
        assert fault.startswith(expected)


def test_an_approval_of_another_plan_or_by_somebody_else_than_the_grant_says_is_no_proof(factory: Factory) -> None:
    stored, other = factory.make("hello", BUILT), factory.make("hello", BUILT)
    right, of_another = factory.approved(stored, "dev", "ada"), factory.approved(other, "dev", "ada")
    gone = "is not attached by anyone whose signature counts there"
    right_, other_ = right.bundle[7:19], of_another.bundle[7:19]
    wrong = [
        (right.model_copy(update={"by": "bob"}), [f"its approval {right_}: it is ada's, not bob's"]),
        (
            right.model_copy(update={"is_click": True}),
            [f"its approval {right_}: it is a signature, which the grant takes for a click"],
        ),
        (right.model_copy(update={"bundle": of_another.bundle}), [f"rests on the evidence {other_}, which {gone}", gone]),
    ]
    for approval, problems in wrong:
        factory.finish(stored, factory.begun(stored, "dev"), approvals=[approval])
        faults = audited(factory).faults
        assert all(fault.endswith(problem) for fault, problem in zip(faults, problems, strict=True)), faults


def test_holds_and_revocations_of_that_time_are_told_and_speak_against_it_today(factory: Factory) -> None:
    first, granted = delivered(factory)
    second = factory.make("hello", BUILT)
    later = factory.promote(second, "dev")
    back = factory.go_back(first, "dev", "it was slow")
    revoke = Revoke.model_validate({**factory.about(first), "reason": "CVE-2026-1"})
    factory.rule(first, revoke, "ada")
    assert granted.finished_at is not None
    assert later.finished_at is not None

    now = audited(factory)
    assert (now.kind, now.reason, now.promotion) == ("rollback", "it was slow", back.id)
    assert [(one.kind, one.by) for one in now.rulings] == [("hold", "the pipeline"), ("revoke", "ada")]
    assert now.against == (f"revoked by ada on {revoke.made_at:%Y-%m-%d}: CVE-2026-1",)
    assert (now.is_proved, now.is_valid) == (True, False)
    then = audited(factory, later.finished_at)
    assert [one.kind for one in then.rulings] == []
    assert then.is_valid
    before = audited(factory, granted.finished_at)
    assert [one.kind for one in before.rulings] == ["revoke"]


def test_a_ruling_that_only_the_ledger_has_is_told_as_that(factory: Factory) -> None:
    stored, granted = delivered(factory)
    held = factory.hold(stored, granted)
    with factory.ledger() as ledger:
        ledger.record_ruling(held.model_copy(update={"bundle": digest_of(b"nowhere")}))
    proved, unproved = sorted(audited(factory).rulings, key=lambda one: one.bundle != held.bundle)
    assert proved.problem == ""
    assert "holds no blob" in unproved.problem


def test_what_the_gates_say_today_is_told_and_takes_nothing_from_the_proof(factory: Factory, verdict: list[Decision]) -> None:
    delivered(factory)
    verdict.append(Decision(reasons=("a vulnerability is known now",)))
    found = audited(factory)
    assert found.against == ("a vulnerability is known now",)
    assert (found.is_proved, found.is_valid) == (True, False)


def test_exceptions_are_told_with_who_signed_them_and_until_when(factory: Factory) -> None:
    stored = factory.make("hello", BUILT)
    bundles = factory.excepted(stored, "dev", "soak")
    now = datetime.now(UTC)
    passed_over = Excepted(
        gate="soak", reason="too soon", by=("ada", "bob"), until=now, why="the fix is in it", bundles=bundles
    )
    factory.finish(stored, factory.begun(stored, "dev"), excepted=[passed_over])
    found = audited(factory)
    assert found.is_proved, found.faults
    assert [(one.by, one.bundle) for one in found.exceptions] == list(zip(("ada", "bob"), bundles, strict=True))
    assert all(one.says.startswith("soak; the fix is in it; until ") for one in found.exceptions)


def test_a_grant_is_never_earlier_than_what_it_replaces(factory: Factory) -> None:
    _, granted = delivered(factory)
    assert granted.finished_at is not None
    ahead = granted.finished_at + timedelta(minutes=1)
    change(factory, granted, finished_at=ahead)
    later = factory.promote(factory.make("hello", BUILT), "dev")
    assert later.finished_at == ahead
    with factory.ledger() as ledger:
        assert ledger.granted_at("hello", "dev", ahead) == ledger.granted("hello", "dev") == later
