from __future__ import annotations

import functools
import json
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.clients.policy_files import shipped_gates, shipped_modules
from pratique.clients.rego import RegoPolicies
from pratique.decisions.bill_of_materials import bill_statement
from pratique.decisions.chain import chain_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.facts import facts_of
from pratique.decisions.gates import every_image_has_a_bill
from pratique.decisions.judging import judged_of
from pratique.decisions.provenance import RunDetails, image_provenance, release_provenance, signature_statement
from pratique.decisions.situation import Situation
from pratique.errors import Refused, Waiting
from pratique.values.bill import BILL_PREDICATE
from pratique.values.decision import Decision, Wait, all_of
from pratique.values.digest import digest_of
from pratique.values.environment import environment_of
from pratique.values.evidence import PROVENANCE_PREDICATE, KeySigner, Statement, VerifiedStatement, statement_about
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.recurrence import Recurrence
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.requirements import Requirements
from pratique.values.trust import TrustedKey
from tests.fakes.grants import chain
from tests.fakes.stored_release import COMMIT, stored_release

CASES = json.loads((Path(__file__).parents[2] / "cases" / "gates.json").read_text())
STORED = stored_release()
REFERENCES = {"release": STORED.reference, **{image.name: image.reference for image in STORED.release.images}}
RUN = RunDetails(builder="https://example.test/builder")
NOTHING_IN_IT = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}


def provenance_of(name: str, **changed: str) -> Statement:
    if name == "release":
        return release_provenance(STORED, RUN)
    section = next(section for section in STORED.release.manifest.images if section.name == name)
    return image_provenance(REFERENCES[name], section, COMMIT.model_copy(update=changed), RUN)


def signature_of(name: str) -> Statement:
    return signature_statement(REFERENCES[name].repository, REFERENCES[name].digest)


def other_statement(name: str, predicate_type: str) -> Statement:
    return statement_about(REFERENCES[name].repository, REFERENCES[name].digest, predicate_type, {})


STATEMENTS: dict[str, Callable[[str], Statement]] = {
    "signature": signature_of,
    "signature of job": lambda _: signature_of("job"),
    "provenance": provenance_of,
    "provenance of job": lambda _: provenance_of("job"),
    "provenance of web": lambda _: provenance_of("web"),
    "provenance of another commit": lambda name: provenance_of(name, id="2" * 40),
    "provenance of another repository": lambda name: provenance_of(name, repository="https://evil.test/hello.git"),
    "malformed provenance": lambda name: other_statement(name, PROVENANCE_PREDICATE),
    "attestation": lambda name: other_statement(name, "https://example.test/scan"),
    "bill": lambda name: bill_statement(REFERENCES[name], NOTHING_IN_IT, COMMIT.committed_at),
    "bill of job": lambda _: bill_statement(REFERENCES["job"], NOTHING_IN_IT, COMMIT.committed_at),
    "malformed bill": lambda name: other_statement(name, BILL_PREDICATE),
}
"""The words of the cases for what a trusted signer has attached."""


def gathered(name: str, attached: list[str]) -> Gathered:
    found = [STATEMENTS[words](name) for words in attached if words != "rejected bundle"]
    return Gathered(
        reference=REFERENCES[name],
        verified=tuple(
            VerifiedStatement(statement=one, signer=KeySigner(hint="k"), bundle=digest_of(one.payload())) for one in found
        ),
        rejected=("bundle x: nobody signed it",) if "rejected bundle" in attached else (),
    )


def promotion(changed: dict[str, str]) -> Promotion:
    release = digest_of(b"other") if changed.get("release") == "other" else STORED.digest
    usual = {
        "id": "p",
        "kind": "promote",
        "service": "hello",
        "state": PromotionState.GRANTED,
        "commit": COMMIT.id,
        "requested_by": "ada",
        "started_at": datetime(2026, 3, 1, tzinfo=UTC),
    }
    return Promotion.model_validate(usual | changed | {"release": release})


NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def stored(case: dict[str, Any]) -> StoredRelease:
    """The release, with a clock in its manifest where the case has one."""
    names = ("rrule", "start", "duration", "timezone", "reason")
    clock = {
        key: tuple(Recurrence.model_validate(dict(zip(names, text.split(" | "), strict=False))) for text in case.get(key, []))
        for key in ("windows", "freezes")
    }
    manifest = STORED.release.manifest
    staging = manifest.environments["staging"].model_copy(update=clock)
    manifest = manifest.model_copy(update={"environments": {**manifest.environments, "staging": staging}})
    return STORED.model_copy(update={"release": STORED.release.model_copy(update={"manifest": manifest})})


def situation(case: dict[str, Any]) -> Situation:
    environment = environment_of(stored(case).release.manifest, case.get("environment", "staging"))
    if "rename" in case:
        environment = environment.model_copy(update={"name": case["rename"]})
    if "reorder" in case:
        environment = environment.model_copy(update={"after": tuple(case["reorder"])})
    attached = {name: case.get(name, ["signature", "provenance"]) for name in REFERENCES}
    evidence = {name: gathered(name, found) for name, found in attached.items() if found is not None}
    grants = [grant for name, grant in chain(STORED).items() if name in case.get("grants", ["dev", "load", "staging"])]
    evidence["release"] = evidence["release"].model_copy(update={"verified": (*evidence["release"].verified, *grants)})
    return Situation(
        stored=stored(case),
        environment=environment,
        origins=case.get("origins"),
        trusted=(TrustedKey(pem="k"),) if case.get("trusted", True) else (),
        evidence=tuple(evidence.values()),
        chain=chain_of(stored(case), evidence["release"], NOW),
        upstream=tuple(promotion(one) for one in case.get("upstream", [{"environment": "dev"}, {"environment": "load"}])),
        held=STORED.digest if case.get("held") else None,
        policy=digest_of(b"policy"),
        now=NOW,
    )


@functools.cache
def decided(name: str, purpose: str = "promote") -> Decision:
    """What the floor and the policies that ship come to, in the case of that name."""
    (case,) = [case for case in CASES if case["name"] == name]
    return decide(situation(case).model_copy(update={"purpose": purpose}))


def decide(seen: Situation) -> Decision:
    facts = facts_of(seen)
    return judged_of(seen, facts, RegoPolicies().evaluate(shipped_modules(), facts), shipped_gates()).decision


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_verdict_gives_exactly_these_reasons_in_this_order(case: dict[str, Any]) -> None:
    reasons = [re.sub(r"sha256:[0-9a-f]{64}", "sha256:DIGEST", reason) for reason in decided(case["name"]).reasons]
    assert len(reasons) == len(case["reasons"]), reasons
    for found, expected in zip(reasons, case["reasons"], strict=True):
        assert expected in found


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_verdict_says_for_what_and_until_when_to_wait(case: dict[str, Any]) -> None:
    decision = decided(case["name"])
    assert len(decision.waits) == len(case.get("waits", []))
    for wait, expected in zip(decision.waits, case.get("waits", []), strict=True):
        assert expected in wait.reason
    assert decision.until == (datetime.fromisoformat(case["until"]).replace(tzinfo=UTC) if case.get("until") else None)
    assert decision.allowed is (not case["reasons"] and not case.get("waits"))


def test_who_has_only_to_wait_is_told_until_when() -> None:
    with pytest.raises(Waiting) as waiting:
        decided("outside every window").require()
    again = pickle.loads(pickle.dumps(waiting.value))  # noqa: S301  our own bytes
    assert (again.reasons, again.until) == (waiting.value.reasons, datetime(2026, 3, 2, 18, tzinfo=UTC))


def test_a_refusal_wins_over_a_wait_and_tells_it_too() -> None:
    with pytest.raises(Refused) as refused:
        decided("refused, and closed as well").require()
    assert [
        expected in reason for reason, expected in zip(refused.value.reasons, ["granted in 'dev'", "is closed"], strict=True)
    ]


def test_of_two_waits_the_later_ends_both_and_an_unknown_end_is_none() -> None:
    early, late = (Wait(reason="it is closed", until=NOW + timedelta(hours=hours)) for hours in (1, 2))
    assert all_of([Decision(waits=(late,)), Decision(waits=(early,))]).until == late.until
    assert all_of([Decision(waits=(late,)), Decision(waits=(Wait(reason="an approval is missing"),))]).until is None


def test_a_refused_promotion_raises_every_reason() -> None:
    with pytest.raises(Refused) as refused:
        decided(CASES[-1]["name"]).require()
    assert len(refused.value.reasons) == len(CASES[-1]["reasons"])


def test_a_rollback_asks_neither_upstream_nor_the_clock() -> None:
    for name in ("never granted upstream", "outside every window", "in a freeze"):
        assert decided(name, "rollback") == Decision()


def test_a_rollback_asks_for_signatures_and_provenance() -> None:
    name = "nothing is attached to an image"
    assert decided(name, "rollback").reasons == decided(name).reasons


def test_a_rollback_asks_for_a_signed_grant_of_the_environment_itself() -> None:
    rollback = {"purpose": "rollback"}
    assert decide(situation({"grants": ["dev", "load", "staging"]}).model_copy(update=rollback)).allowed
    (reason,) = decide(situation({"grants": ["dev", "load"]}).model_copy(update=rollback)).reasons
    assert "has no grant in 'staging' that counts" in reason


def test_evidence_that_belongs_to_another_repository_does_not_count() -> None:
    good = situation({})
    web = REFERENCES["web"]
    elsewhere = ImageReference(repository="evil/images/web", digest=web.digest)
    moved = tuple(
        found.model_copy(update={"reference": elsewhere}) if found.reference == web else found for found in good.evidence
    )
    assert decide(good).allowed
    assert not decide(good.model_copy(update={"evidence": moved})).allowed


@pytest.mark.parametrize(
    ("attached", "why"),
    [
        ([], "web@sha256:[0-9a-f]+ has no bill of materials by anyone trusted [(]prepare"),
        (["bill of job"], "by anyone trusted: bill of materials .* it speaks of something else"),
        (["malformed bill"], "by anyone trusted: bill of materials .* it is no CycloneDX document"),
    ],
)
def test_a_release_is_whole_where_each_image_has_a_bill_that_can_be_read(attached: list[str], why: str) -> None:
    assert every_image_has_a_bill(situation({"web": ["bill"], "job": ["bill", "malformed bill"]})).allowed
    (reason,) = every_image_has_a_bill(situation({"web": attached, "job": ["bill"]})).reasons
    assert re.search(why, reason)


def test_a_soak_is_measured_from_the_signed_grant_whatever_has_been_restarted_since() -> None:
    # The ledger was made again a minute ago: by its own clock upstream has been granted just now.
    restored = [{"environment": name, "started_at": "2026-03-02T11:59:00Z"} for name in ("dev", "load")]
    seen = situation({"upstream": restored})
    (granted,) = {signed.grant.granted_at for signed in seen.chain.counted if signed.grant.environment == "load"}

    def asking(soak: str) -> Decision:
        asked = Requirements.model_validate({"soak": soak})
        return decide(seen.model_copy(update={"asked_by_operator": asked}))

    assert NOW - granted == timedelta(hours=2, minutes=59)
    assert asking("2h").allowed
    waits = asking("4h").waits
    assert {wait.until for wait in waits} == {granted + timedelta(hours=4), granted - timedelta(minutes=1) + timedelta(hours=4)}
