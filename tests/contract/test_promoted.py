"""What the gates let in is proved: promotions as the flows make them, by the policies that ship, everybody asked afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.sigstore import KeyEvidenceSigner
from pratique.decisions.granting import Earned
from pratique.errors import Waiting
from pratique.pipeline.auditing import audit
from pratique.pipeline.exporting import export_release, verify_file
from pratique.pipeline.grants import sign_grant
from pratique.pipeline.proving import prove_release
from pratique.pipeline.reverifying import reverify
from pratique.pipeline.ruling import sign_by_person
from pratique.pipeline.verification import judge
from pratique.values.checks import CheckResult
from pratique.values.environment import Environment, environment_of
from pratique.values.judged import Judged
from pratique.values.passage import Passage
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease
from pratique.values.ruling import Approve, Except
from pratique.values.workload import WorkloadState
from tests.contract.past import LEASE, Factory, plan_of
from tests.fakes.policy_input import IN_PROCESS
from tests.fakes.registry import FakeRegistry

DEMANDS = {"approvals": {"required": 2, "from": ["ada", "bob"], "not_author": False}, "soak": "1h"}


class Site(Factory):
    """A pipeline with the policies that ship, and a host where nothing runs."""

    __slots__ = ()

    def policies(self) -> Any:
        return IN_PROCESS

    @contextmanager
    def workloads(self, environment: Environment) -> Iterator[Any]:
        yield self

    def look(self, service: str, environment: str) -> WorkloadState:
        return WorkloadState()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site.at(FakeRegistry(), f"sqlite:///{tmp_path / 'ledger.db'}")
    places = found.settings.environments
    prod = {"trust": places["prod"].trust, "gates": DEMANDS, "after": ["load"], "exceptions": {"from": ["ada", "bob"]}}
    return Site(
        found.settings.model_copy(update={"environments": {**places, "prod": type(places["prod"]).model_validate(prod)}}),
        found.site,
        found.keys,
    )


def promoted(site: Site, stored: StoredRelease, name: str) -> Promotion:
    """As `promote` does it: every gate, the lock, every gate once more, the grant."""
    environment = environment_of(stored.release.manifest, name)
    judge(site, stored, environment, plan=plan_of(stored)).decision.require()
    before = site.standing("hello", name)
    promotion = site.begun(stored, name)
    with site.ledger() as ledger:
        lease = ledger.acquire(promotion.id, LEASE)
        assert lease is not None
        passage = Passage(promotion=ledger.promotion(promotion.id), stored=stored, environment=environment, lease=lease)
        judged = judge(site, stored, environment, plan=plan_of(stored))
        judged.decision.require()
        checks = (CheckResult(name="healthy", passed=True, detail="200 OK", attempts=1, seconds=0.1),)
        evidence = sign_grant(site, passage, Earned(plan=plan_of(stored), judged=judged, before=before, checks=checks))
        granted = ledger.grant(promotion.id, lease, "", "", evidence)
        ledger.release(lease)
    return granted


def signed(site: Site, stored: StoredRelease, kind: type[Approve | Except], by: str, **fields: Any) -> None:
    ruling = kind.model_validate({**site.about(stored), "environment": "prod", "reason": "looked at", **fields})
    sign_by_person(site, stored, ruling, KeyEvidenceSigner(site.keys, by))


def waits(site: Site, stored: StoredRelease) -> Judged:
    with pytest.raises(Waiting):
        promoted(site, stored, "prod")
    return judge(site, stored, environment_of(stored.release.manifest, "prod"), plan=plan_of(stored))


def test_what_the_gates_let_in_everybody_calls_proved(site: Site) -> None:
    stored = site.make("hello", datetime(2026, 3, 2, 9, tzinfo=UTC))
    for name in ("dev", "load", "staging"):
        promoted(site, stored, name)
    judged = waits(site, stored)
    until = datetime.now(UTC) + timedelta(hours=1)
    for who in ("ada", "bob"):
        signed(site, stored, Approve, who, plan=plan_of(stored).digest, policy=judged.policy)
        signed(site, stored, Except, who, gate="soak", expires_at=until)
    granted = promoted(site, stored, "prod")

    proof = prove_release(site, stored)
    assert proof.problems == ()
    assert [part.kind for one in proof.grants for part in one.part.parts if one.believer == one.environment == "prod"] == [
        "verdict", "checks", "approval", "approval", "exception", "exception",
    ]  # fmt: skip
    assert verify_file(export_release(site, stored), site.verifier()).proof.problems == ()
    for name in ("dev", "load", "staging", "prod"):
        found = audit(site, "hello", name, None)
        assert found is not None
        assert (found.faults, found.differences, found.against) == ((), (), ())
    looked = reverify(site, granted, dry_run=True)
    assert (looked.reasons, looked.unknown) == ((), "")


def test_a_release_that_replaces_another_and_is_gone_back_from_is_proved_too(site: Site) -> None:
    first, second = (site.make("hello", datetime(2026, 3, 2, 9, tzinfo=UTC)) for _ in range(2))
    for stored in (first, second):
        promoted(site, stored, "dev")
    environment = environment_of(first.release.manifest, "dev")
    judged = judge(site, first, environment, purpose="rollback")
    judged.decision.require()
    before = site.standing("hello", "dev")
    promotion = site.begun(first, "dev", kind="rollback", reason="slow")
    with site.ledger() as ledger:
        lease = ledger.acquire(promotion.id, LEASE)
        assert lease is not None
        passage = Passage(promotion=ledger.promotion(promotion.id), stored=first, environment=environment, lease=lease)
        earned = Earned(plan=plan_of(first), judged=judged, before=before, reason="slow")
        ledger.grant(promotion.id, lease, "", "slow", sign_grant(site, passage, earned))
        ledger.release(lease)
    assert prove_release(site, first).problems == prove_release(site, second).problems == ()
    found = audit(site, "hello", "dev", None)
    assert found is not None
    assert (found.kind, found.faults, found.differences) == ("rollback", (), ())
