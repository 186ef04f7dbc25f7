"""Chains as a whole: dropped, reordered, replayed, swapped, signed by others, back-dated; each refused, with the reason."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique.decisions.rulings import ruling_statement
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner, Statement
from pratique.values.proof import Proof
from pratique.values.ruling import Hold, Lift, Reject, Revoke, SignedRuling
from tests.fakes.evidenced import BEGAN, GRAPH, LINE, Evidenced, evidenced, key, rule, signer
from tests.fakes.stored_release import COMMIT
from tests.unit.pipeline.test_tampered_fields import payload_of, statement

WHOLE = evidenced()
GRAPHS = {"line": WHOLE, "graph": evidenced(GRAPH)}

Tamper = Callable[[Evidenced], None]


def again(found: Evidenced = WHOLE) -> Evidenced:
    return replace(found, attached=dict(found.attached))


def counted(proof: Proof) -> set[str]:
    """The environments whose grant counts."""
    return {part.name for part in proof.parts if part.kind == "environment" and part.digest is not None}


def drop(name: str) -> Tamper:
    def tamper(found: Evidenced) -> None:
        del found.attached[name]

    return tamper


def sign_by(name: str, who: str) -> Tamper:
    """The same statement, signed by somebody else."""

    def tamper(found: Evidenced) -> None:
        found.attached[name] = (found.attached[name][0], signer(who).sign(statement(payload_of(name, found))))

    return tamper


def swap(one: str, other: str) -> Tamper:
    """The bundles of two environments, each in the other's place: what a grant names by digest does not move with it."""

    def tamper(found: Evidenced) -> None:
        first, second = statement(payload_of(one, found)), statement(payload_of(other, found))
        predicates = {one: second.predicate, other: first.predicate}
        for name, predicate in predicates.items():
            made = first.model_copy(update={"predicate": predicate})
            found.attached[name] = (found.attached[name][0], signer("pipeline").sign(made))

    return tamper


def environment_of_grant(name: str, environment: str) -> Tamper:
    def tamper(found: Evidenced) -> None:
        made = statement(payload_of(name, found))
        moved = made.model_copy(update={"predicate": made.predicate | {"environment": environment}})
        found.attached[name] = (found.attached[name][0], signer("pipeline").sign(moved))

    return tamper


def replay(name: str) -> Tamper:
    """What another release has, attached to this one."""

    def tamper(found: Evidenced) -> None:
        def of_another(_name: str, made: Statement) -> Statement:
            text = made.payload().decode()
            return statement(json.loads(text.replace(found.stored.digest[7:], "3" * 64).replace(COMMIT.id, "3" * 40)))

        found.attached[name] = (found.attached[name][0], evidenced(change=of_another).attached[name][1])

    return tamper


TAMPERED: dict[str, tuple[Tamper, str]] = {
    "dev's grant is dropped": (drop("grant of dev"), "of dev, which is not there or does not count"),
    "staging's grant is dropped": (drop("grant of staging"), "of staging, which is not there or does not count"),
    "dev's verdict is dropped": (drop("verdict of dev"), "in 'dev': its verdict"),
    "prod's verdict is dropped": (drop("verdict of prod"), "in 'prod': its verdict"),
    "what the checks found is dropped": (drop("checks of prod"), "in 'prod': its checks"),
    "an approval is dropped": (
        drop("approval of prod by grace"),
        "asks for 2 approvals by approvers, and 1 that count are named",
    ),
    "an exception is dropped": (drop("exception of prod by linus"), "has the word of grace alone: two people sign one"),
    "what was held before is dropped": (drop("earlier grant of prod"), "that it replaces: hello/releases holds no blob"),
    "the release's signature is dropped": (drop("signature of hello/releases"), "hello/releases@"),
    "the image's provenance is dropped": (drop("provenance of hello/images/web"), "has no provenance by anyone"),
    "a grant of a stranger": (sign_by("grant of staging", "stranger"), "says it is https://pratique.dev/grant/v1: bundle"),
    "a grant of a person": (sign_by("grant of prod", "grace"), "a person signed it, and of people's words only rulings count"),
    "a verdict of a stranger": (sign_by("verdict of prod", "stranger"), "in 'prod': its verdict"),
    "an approval of the pipeline's own": (
        sign_by("approval of prod by grace", "pipeline"),
        "(approve) does not count: the pipeline may not make it by itself",
    ),
    "an approval of a stranger": (
        sign_by("approval of prod by grace", "stranger"),
        "says it is https://pratique.dev/ruling/v1",
    ),
    "a signature of a stranger": (sign_by("signature of hello/releases", "stranger"), "is not signed by anyone whom"),
    "staging's and prod's grants, each as the other": (
        swap("grant of staging", "grant of prod"),
        "of staging, which is not there or does not count",
    ),
    "dev's and prod's verdicts, each as the other": (swap("verdict of dev", "verdict of prod"), "in 'prod': its verdict"),
    "staging's grant as prod's": (environment_of_grant("grant of staging", "prod"), "it follows grants of dev, not of staging"),
    "dev's grant as staging's": (environment_of_grant("grant of dev", "staging"), "it follows grants of none, not of dev"),
    "another release's grant": (replay("grant of staging"), "it does not speak of this release"),
    "another release's verdict": (replay("verdict of prod"), "in 'prod': its verdict"),
    "another release's approval": (
        replay("approval of prod by grace"),
        "(approve) does not count: it does not speak of this release",
    ),
    "another release's provenance": (replay("provenance of hello/releases"), "it does not speak of"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_chain_that_was_tampered_with_is_refused_for_the_right_reason(case: str) -> None:
    tamper, reason = TAMPERED[case]
    found = again()
    tamper(found)
    assert reason in " ".join(found.prove().problems)


SETTLED: dict[str, tuple[str, dict[str, Any], str]] = {
    "staging is back-dated": ("staging", {"granted_at": BEGAN - timedelta(minutes=1)}, "of dev, which is later than itself"),
    "prod is dated in the future": ("prod", {"granted_at": BEGAN + timedelta(days=36500)}, "its time has not come"),
    "prod is granted after its approvals are over": (
        "prod",
        {"granted_at": BEGAN + timedelta(days=5)},
        "asks for 2 approvals by approvers, and 0 that count are named",
    ),
    "prod has no approvals": ("prod", {"approvals": ()}, "asks for 2 approvals by approvers, and 0 that count are named"),
    "prod has no verdict": ("prod", {"verdict": None}, "it names no statement of what the gates came to"),
    "prod has no results of its checks": ("prod", {"results": None}, "it names no statement of what its checks came to"),
    "prod has no checks": ("prod", {"checks": ()}, "it tells of the checks healthy, the grant of none"),
    "prod has no exceptions": ("prod", {"exceptions": ()}, "it passed over other exceptions than the grant names"),
    "prod's fence is the one before": ("prod", {"fence": 1}, "its fence 1 is not lower than 1"),
    "staging follows nothing": ("staging", {"upstream": ()}, "it follows grants of none, not of dev"),
    "staging is another plan than approved": ("prod", {"plan": digest_of(b"x")}, "was carried out"),
}


@pytest.mark.parametrize("case", SETTLED)
def test_a_grant_that_the_pipeline_itself_made_amiss_is_refused_for_the_right_reason(case: str) -> None:
    environment, changed, reason = SETTLED[case]

    def settle(name: str, fields: dict[str, Any]) -> None:
        if name == environment:
            fields |= changed

    assert reason in " ".join(evidenced(settle=settle).prove().problems)


def test_one_person_who_approves_twice_counts_once() -> None:
    def settle(name: str, fields: dict[str, Any]) -> None:
        if name == "prod":
            fields["approvals"] = (fields["approvals"][0],) * 2

    assert "asks for 2 approvals by approvers, and 1 that count are named" in " ".join(
        evidenced(settle=settle).prove().problems
    )


def test_the_authors_own_approval_does_not_count() -> None:
    found = again()
    approve = statement(payload_of("approval of prod by grace", found))
    made = signer("ada").sign(approve)
    found.attached["approval of prod by grace"] = (found.stored.reference, made)
    grant = statement(payload_of("grant of prod", found))
    first, second = grant.predicate["approvals"]
    approvals = [{"by": "ada", "is_click": False, "bundle": digest_of(made)}, second]
    predicate = grant.predicate | {"approvals": approvals}
    assert first["by"] == "grace"
    found.attached["grant of prod"] = (
        found.stored.reference,
        signer("pipeline").sign(grant.model_copy(update={"predicate": predicate})),
    )
    assert "asks for 2 approvals by approvers, and 1 that count are named" in " ".join(found.prove().problems)


def test_who_rejected_afterwards_has_not_approved() -> None:
    found = again()
    grant = payload_of("grant of prod", found)["predicate"]
    about = {"service": "hello", "release": found.stored.digest, "commit": COMMIT.id, "reason": "on second thought"}
    reject = {"environment": "prod", "plan": grant["plan"], "policy": grant["policy"], "made_at": "2026-03-02T10:59:00Z"}
    rule(found, "rejection", Reject.model_validate(about | reject), "grace")
    assert "asks for 2 approvals by approvers, and 1 that count are named" in " ".join(found.prove().problems)


def test_a_revocation_since_is_told_with_its_reason_and_a_hold_is_shown() -> None:
    found = again()
    about = {"service": "hello", "release": found.stored.digest, "commit": COMMIT.id, "made_at": "2026-03-02T12:00:00Z"}
    hold = rule(
        found, "hold", Hold.model_validate(about | {"environment": "prod", "promotion": "p", "reason": "errors"}), "pipeline"
    )
    assert found.prove().verified
    lift = Lift.model_validate(about | {"environment": "prod", "hold": hold, "reason": "mended"})
    rule(found, "lift", lift, "grace")
    (release,) = [part for part in found.prove().parts if part.kind == "release"]
    assert {part.name: part.says for part in release.parts} == {
        "hold in prod": ("errors", "lifted since"),
        "lift in prod": ("mended",),
    }
    rule(found, "revocation", Revoke.model_validate(about | {"reason": "CVE-2026-1"}), "linus")
    assert found.prove().problems == ("it was revoked by linus at 2026-03-02 12:00 UTC: CVE-2026-1",)


def test_a_revocation_that_was_taken_out_is_missed_by_the_ledger() -> None:
    found = again()
    about = {"service": "hello", "release": found.stored.digest, "commit": COMMIT.id, "made_at": "2026-03-02T12:00:00Z"}
    revoke = Revoke.model_validate(about | {"reason": "CVE-2026-1"})
    bundle = rule(found, "revocation", revoke, "linus")
    known = SignedRuling(ruling=revoke, by="linus", signer=KeySigner(hint="linus"), bundle=bundle)
    assert len(found.prove(ruled=(known,)).problems) == 1
    del found.attached["revocation"]
    assert found.prove().verified
    assert (
        f"linus signed a ruling to revoke it, {bundle[7:19]}, which is not attached" in found.prove(ruled=(known,)).problems[0]
    )


def test_a_ruling_that_nobody_may_make_is_told() -> None:
    found = again()
    about = {"service": "hello", "release": found.stored.digest, "commit": COMMIT.id, "made_at": "2026-03-02T12:00:00Z"}
    revoke = ruling_statement(found.stored, Revoke.model_validate(about | {"reason": "a prank"}))
    found.attached["prank"] = (found.stored.reference, signer("stranger").sign(revoke))
    assert "says it is https://pratique.dev/ruling/v1" in " ".join(found.prove().problems)


def test_an_environment_that_trusts_somebody_else_does_not_believe_what_the_others_do() -> None:
    found = again()
    places = found.material.environments
    strict = places["prod"].model_copy(update={"trust": (key("stranger"),)})
    found.material = found.material.model_copy(update={"environments": places | {"prod": strict}})
    proof = found.prove()
    assert counted(proof) == {"dev", "staging"}


def test_an_environment_that_the_settings_do_not_know_is_told() -> None:
    found = again()
    places = {name: place for name, place in found.material.environments.items() if name != "prod"}
    found.material = found.material.model_copy(update={"environments": places})
    assert "'prod' has granted it, and the settings do not know whom 'prod' trusts" in " ".join(found.prove().problems)


def test_a_commit_from_elsewhere_is_told() -> None:
    found = again()
    found.material = found.material.model_copy(update={"origins": {"hello": "https://git.example.test/elsewhere.git"}})
    assert "comes from https://git.example.test/elsewhere.git by the settings" in " ".join(found.prove().problems)


def test_under_another_policy_the_operators_numbers_of_today_are_not_asked_for() -> None:
    found = again()
    places = found.material.environments
    other = places["prod"].model_copy(update={"policy": digest_of(b"of today"), "exceptions": None})
    found.material = found.material.model_copy(update={"environments": places | {"prod": other}})
    proof = found.prove()
    assert proof.verified
    assert any("which is not today's any more" in one for part in proof.parts for one in part.says)


# Whatever is done to a chain.

SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
UPSTREAM = {"line": LINE, "graph": GRAPH}


def before(environments: dict[str, Any], name: str) -> set[str]:
    """The environment and all that it comes after."""
    return {name}.union(*(before(environments, one) for one in environments[name].get("after", ())))


@pytest.mark.parametrize("shape", GRAPHS)
@given(data=st.data())
@SLOW
def test_whatever_is_dropped_never_makes_more_count(shape: str, data: st.DataObject) -> None:
    found = again(GRAPHS[shape])
    gone = data.draw(st.sets(st.sampled_from(sorted(found.attached))))
    for name in gone:
        del found.attached[name]
    proof = found.prove()
    lost = {name for name in UPSTREAM[shape] if {f"grant of {one}" for one in before(UPSTREAM[shape], name)} & gone}
    assert counted(proof) == set(UPSTREAM[shape]) - lost
    assert proof.verified == all(is_missed_by_nobody(name, gone, list(UPSTREAM[shape])) for name in gone)


def is_missed_by_nobody(name: str, gone: set[str], order: list[str]) -> bool:
    """Whether what belonged to an environment has gone together with its grant, and with every one made after it."""
    of = name.partition(" of ")[2].partition(" by ")[0]
    return of in order and all(f"grant of {one}" in gone for one in order[order.index(of) :])


@pytest.mark.parametrize("shape", GRAPHS)
@given(chance=st.randoms(use_true_random=False))
@settings(SLOW, max_examples=25)
def test_the_order_of_arrival_never_matters(shape: str, chance: random.Random) -> None:
    found = GRAPHS[shape]
    names = list(found.attached)
    chance.shuffle(names)
    shuffled = replace(found, attached={name: found.attached[name] for name in names})
    assert shuffled.prove() == found.prove()


@pytest.mark.parametrize("shape", GRAPHS)
@given(data=st.data())
@SLOW
def test_nothing_that_was_not_granted_counts(shape: str, data: st.DataObject) -> None:
    """Whatever strangers and people sign, only what the pipeline signed as it stands is believed."""
    found = again(GRAPHS[shape])
    names = data.draw(st.lists(st.sampled_from(sorted(found.attached)), min_size=1, max_size=4, unique=True))
    for name in names:
        sign_by(name, data.draw(st.sampled_from(["stranger", "ada"])))(found)
    forged = {name.removeprefix("grant of ") for name in names if name.startswith("grant of ")}
    proof = found.prove()
    assert not proof.verified
    assert counted(proof).isdisjoint(forged)
    assert counted(proof) <= {name for name in UPSTREAM[shape] if not before(UPSTREAM[shape], name) & forged}


@pytest.mark.parametrize("shape", GRAPHS)
@given(data=st.data())
@SLOW
def test_grants_that_anybody_makes_up_count_only_where_every_link_holds(shape: str, data: st.DataObject) -> None:
    """A pipeline's own key, and any fields: a grant counts only where it says what the release and its chain say."""
    found = again(GRAPHS[shape])
    name = data.draw(st.sampled_from(sorted(UPSTREAM[shape])))
    made = statement(payload_of(f"grant of {name}", found))
    others = [payload_of(f"grant of {one}", found)["predicate"] for one in UPSTREAM[shape]]
    fields = data.draw(st.sets(st.sampled_from(["environment", "upstream", "commit", "release", "service"]), min_size=1))
    source = data.draw(st.sampled_from(others))
    foreign = {"commit": "2" * 40, "release": digest_of(b"other"), "service": "other"}
    changed = {one: foreign.get(one, source.get(one)) for one in fields}
    predicate = made.predicate | changed
    bundle = signer("pipeline").sign(made.model_copy(update={"predicate": predicate}))
    found.attached["made up"] = (found.stored.reference, bundle)
    proof = found.prove()
    believed = {part.digest for top in proof.parts for part in top.walk() if part.kind in {"environment", "earlier"}}
    assert (digest_of(bundle) in believed) == fits(found, predicate, made.predicate, UPSTREAM[shape])
    assert predicate == made.predicate or not proof.verified, "what it rests on is about something else"


def fits(found: Evidenced, predicate: dict[str, Any], made: dict[str, Any], environments: dict[str, Any]) -> bool:
    """Whether the grant says what its release says, and its links lead to the grants that it comes after, none later."""
    links = {link["environment"]: link["grant"] for link in predicate["upstream"]}
    after = environments[predicate["environment"]].get("after", [])
    times = [payload_of(f"grant of {name}", found)["predicate"]["granted_at"] for name in links]
    return (
        all(predicate[name] == made[name] for name in ("service", "release", "commit"))
        and links == {name: found.digest(f"grant of {name}") for name in after}
        and all(time <= predicate["granted_at"] for time in times)
    )
