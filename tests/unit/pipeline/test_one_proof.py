"""Whoever asks whether evidence supports a grant gets one answer: `verify`, a file, `audit`, `reverify` and the gates.

Thousands of generated chains, most of them damaged: tests/fakes/chains.py. `PRATIQUE_CHAINS=100000` tries as many.
Every 80th chain is asked about by the commands' own functions, with a ledger, an evidence file and the policy engine; of the
others the decisions are compared that those functions come to.
"""

from __future__ import annotations

import copy
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from pratique.bootstrap import Clients
from pratique.clients.policy_files import shipped_gates, shipped_modules
from pratique.clients.ports import EvidenceVerifier, Ledger, Registry
from pratique.decisions.auditing import Looked, audit_of
from pratique.decisions.proving import prove, supported_in
from pratique.decisions.seen import Seen
from pratique.decisions.summaries import EXCEPTED
from pratique.errors import Refused
from pratique.pipeline import auditing, proving, verification
from pratique.pipeline.exporting import collect, policies_artifact, trust_artifact, verify_file
from pratique.pipeline.proving import look, prove_release
from pratique.pipeline.reverifying import reverify
from pratique.settings import EnvironmentSettings, Settings
from pratique.settings.webhook import ServiceSettings
from pratique.values.digest import Digest
from pratique.values.environment import Environment, environment_of
from pratique.values.evidence import Statement
from pratique.values.facts import Facts
from pratique.values.gate import GateVerdict, Module
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.proof import Proof
from pratique.values.workload import WorkloadState
from tests.fakes.chains import SHORT, Made, Seals, Shelf, cheaply_signed, generated
from tests.fakes.evidenced import BEGAN, evidenced
from tests.fakes.ledger import FakeLedger, Lock
from tests.fakes.policy_input import IN_PROCESS
from tests.fakes.registry import FakeRegistry

CHAINS = int(os.environ.get("PRATIQUE_CHAINS", "2000"))
BY_THE_COMMANDS = 80
"""Every so many chains, the commands' own functions are asked."""
UPSTREAM = tuple(module for module in shipped_modules() if module.path.endswith("/upstream.rego"))


@pytest.fixture
def seals() -> Iterator[Seals]:
    with cheaply_signed() as seals:
        yield seals


def seen_of(made: Made, verifier: EvidenceVerifier) -> Seen:
    newest = {name: bundles[-1] for name, bundles in made.recorded.items()}
    return look(Shelf(made.found), verifier, made.found.stored, made.found.material).model_copy(update={"recorded": newest})


def row(made: Made, name: str, bundle: Digest) -> Promotion:
    """The grant, as a ledger has it on record."""
    number = made.recorded[name].index(bundle)
    return Promotion(
        id=f"{name} {number}",
        kind="promote",
        service="hello",
        environment=name,
        release=made.found.stored.digest,
        commit=made.found.stored.release.commit.id,
        requested_by="webhook",
        state=PromotionState.GRANTED,
        fence=number + 1,
        started_at=BEGAN,
        finished_at=BEGAN + timedelta(hours=number),
        evidence=bundle,
    )


def against(proof: Proof, name: str, bundle: Digest) -> list[str]:
    """What `verify` says against one grant: itself, and those that it rests on."""
    if proof.of_grant(name, bundle) is None:
        return ["its links do not hold"]
    return list(proof.of_lineage(name, bundle))


def disagreements(made: Made, seen: Seen, proof: Proof) -> Iterator[str]:
    """Where the decisions differ: each grant of the ledger's, by everybody who is asked about it."""
    manifest = made.found.stored.release.manifest
    told: set[str] = {*proof.since, *proof.by_the_ledger, *proof.of_the_release}
    for name, bundles in made.recorded.items():
        for bundle in bundles:
            # What was granted again since, the ledger has on record as the one before: an audit of that time asks for it.
            mine = proof if bundle == bundles[-1] else prove(seen.model_copy(update={"recorded": {name: bundle}}))
            audit = audit_of(Looked(at=seen.now, now=seen.now, held=row(made, name, bundle), proof=mine))
            told |= set(audit.faults)
            own = [fault for fault in audit.faults if fault not in (*proof.of_the_release, *mine.by_the_ledger)]
            is_lost = any(bundle[7:19] in one for one in mine.by_the_ledger)
            if bool(against(proof, name, bundle)) != bool(own or is_lost):
                yield f"verify and audit of {name}: {against(proof, name, bundle)}, {audit.faults}"
            if more := set(audit.faults) - {*proof.problems, *mine.by_the_ledger}:
                yield f"audit of {name} has more against it than verify: {more}"
        recorded = {name: bundles[-1]}
        known = supported_in(seen, name, recorded).chain.by_environment
        if (name in known) != (not against(proof, name, bundles[-1])):
            yield f"verify and reverify of {name}: {against(proof, name, bundles[-1])}, {sorted(known)}"
        for after in [one for one, section in manifest.environments.items() if name in section.after]:
            known = supported_in(seen, after, recorded).chain.by_environment
            if name in known and against(proof, name, bundles[-1]) and is_trusted_alike(made, name, after):
                yield f"the gate upstream of {after} lets {name} pass, and verify does not"
            if name not in known and not against(proof, name, bundles[-1]) and is_trusted_alike(made, *made.recorded):
                yield f"the gate upstream of {after} does not let {name} pass, and verify does"
    # Nothing that verify has against the release is kept from whoever asks about each grant of it, but what is about others.
    others = set(proof.problems) - told
    if others and not any(about_another_grant(made, one) for one in others):
        yield f"verify has more against it than any audit: {others}"


def is_trusted_alike(made: Made, *names: str) -> bool:
    places = made.found.material.environments
    return len({places[name].trust if name in places else None for name in names}) == 1


def about_another_grant(made: Made, problem: str) -> bool:
    known = {bundle[7:19] for bundles in made.recorded.values() for bundle in bundles}
    return (problem.startswith("grant ") and problem.split()[1] not in known) or "do not know whom" in problem


# The commands' own functions.


@dataclass(frozen=True, slots=True)
class Site(Clients):
    """Where a chain is: its registry, its ledger, and settings that believe what its trust material does."""

    made: Made | None = None
    there: FakeRegistry = field(default_factory=FakeRegistry)
    seals: Seals = field(default_factory=Seals)
    records: FakeLedger = field(default_factory=FakeLedger)

    @classmethod
    def of(cls, made: Made, registry: FakeRegistry, seals: Seals) -> Site:
        base = {"registry": {"address": "127.0.0.1:1"}, "vault": {"login": {"method": "token", "token_file": "/nowhere"}}}
        material = made.found.material
        places = {
            name: EnvironmentSettings(trust=place.trust, gates=place.gates, after=place.after, exceptions=place.exceptions)
            for name, place in material.environments.items()
        }
        services = {name: ServiceSettings(repository=repository) for name, repository in (material.origins or {}).items()}
        settings = Settings.model_validate(base | {"ledger": {"url": "sqlite://"}, "environments": {"dev": {}}}).model_copy(
            update={
                "environments": places,
                "people": material.people.persons,
                "groups": material.people.groups,
                "services": services,
            }
        )
        site = cls(settings, made, registry, seals)
        for name, bundles in made.recorded.items():
            site.records._locks[("hello", name)] = Lock()
            site.records._promotions |= {one.id: one for one in (row(made, name, bundle) for bundle in bundles)}
        return site

    @contextmanager
    def registry(self, settings: Any = None) -> Iterator[Registry]:
        yield self.there

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        yield self.records

    @contextmanager
    def workloads(self, environment: Environment) -> Iterator[Any]:
        yield FakeHost()

    def verifier(self) -> EvidenceVerifier:
        return self.seals

    def policies(self) -> Any:
        return UpstreamAlone()


class UpstreamAlone:
    """`PolicyEngine`: the gate `upstream` as it ships; every other one allows."""

    def evaluate(self, modules: Sequence[Module], facts: Facts) -> tuple[GateVerdict, ...]:
        others = [GateVerdict(gate=name, origin="pratique", allowed=True) for name in shipped_gates() if name != "upstream"]
        return (*IN_PROCESS.evaluate(UPSTREAM, facts), *others)


class FakeHost:
    """`Workloads` where nothing runs."""

    def look(self, service: str, environment: str) -> WorkloadState:
        return WorkloadState()


def refused_upstream(reasons: Sequence[str]) -> list[str]:
    return [reason for reason in reasons if reason.startswith("gate upstream") or "the settings know no environment" in reason]


def asked(made: Made, seals: Seals, seen: Seen) -> Iterator[str]:
    """Where what the commands say differs from what was decided above, or from each other."""
    registry, stored = made.found.in_registry(), made.found.stored
    site = Site.of(made, registry, seals)
    proof = prove(seen)
    if prove_release(site, stored).problems != proof.problems:
        yield f"verify: {prove_release(site, stored).problems}, {proof.problems}"
    own = [trust_artifact(made.found.material), policies_artifact({"a.rego": "package a"})]
    file = verify_file(collect(registry, stored, own).written(), seals).proof
    without_ledger = prove(seen.model_copy(update={"recorded": None})).problems
    # Where a registry says what it does not hold, a file says that of itself.
    if [re.sub(r"the file holds no blob (\S+) of (\S+)", r"\2 holds no blob \1", one) for one in file.problems] != list(
        without_ledger
    ):
        yield f"verify --bundle: {file.problems}, {without_ledger}"
    for name, bundles in made.recorded.items():
        for bundle in bundles:
            held = row(made, name, bundle)
            audit = auditing.audit(site, "hello", name, held.finished_at)
            assert audit is not None
            alone = prove(seen.model_copy(update={"recorded": {name: bundle}}))
            decided = audit_of(Looked(at=seen.now, now=seen.now, held=held, proof=alone)).faults
            if not set(decided) <= set(audit.faults) or bool(decided) != bool(audit.faults):
                yield f"audit of {name}: {audit.faults}, {decided}"
        no = against(proof, name, bundles[-1])
        again = reverify(site, row(made, name, bundles[-1]), dry_run=True)
        if bool(no) != bool(again.unknown or refused_upstream(again.reasons)):
            yield f"reverify of {name}: {again.unknown or again.reasons}, {no}"
        for after in [one for one, section in stored.release.manifest.environments.items() if name in section.after]:
            lets_in = not [one for one in upstream_of(site, made, after) if repr(name) in one or repr(after) in one]
            if lets_in and no and is_trusted_alike(made, name, after):
                yield f"the gate upstream of {after}: it lets {name} pass, and verify says {no}"


def upstream_of(site: Site, made: Made, name: str) -> list[str]:
    try:
        environment = environment_of(made.found.stored.release.manifest, name)
        return refused_upstream(verification.judge(site, made.found.stored, environment).decision.reasons)
    except Refused as no:
        return refused_upstream(no.reasons)


@pytest.fixture
def policies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for today is what the chain's own trust material says."""

    def policy_in(clients: Site, environment: Environment, _modules: object) -> Digest | None:
        assert clients.made is not None
        return clients.made.found.material.environments[environment.name].policy

    for module in (proving, verification):
        monkeypatch.setattr(module, "policy_in", policy_in)


def test_no_two_of_them_disagree_about_any_chain(seals: Seals, policies: None) -> None:
    found: list[str] = []
    outcomes: Counter[str] = Counter()
    for seed, made in generated(seals, range(CHAINS)):
        seen = seen_of(made, seals)
        proof = prove(seen)
        found += [f"chain {seed} ({'; '.join(made.done)}): {one}" for one in disagreements(made, seen, proof)]
        if seed % BY_THE_COMMANDS == 0:
            found += [f"chain {seed} ({'; '.join(made.done)}): {one}" for one in asked(made, seals, seen)]
        outcomes["good" if proof.verified else "missing" if not _is_wrong(proof) else "wrong"] += 1
        assert len(found) < 10, found
    assert found == []
    # Of each kind there are enough for the test to mean something.
    assert all(outcomes[kind] > CHAINS / 20 for kind in ("good", "missing", "wrong")), outcomes


def _is_wrong(proof: Proof) -> bool:
    return any(below.wrong for part in proof.parts for below in part.walk())


# What `audit` and `verify` once judged differently.


def an_exception_signed_by_one() -> Made:
    def change(name: str, statement: Statement) -> Statement:
        if name != "verdict of prod":
            return statement
        passed_over = [{**one, "bundles": one["bundles"][:1]} for one in statement.predicate[EXCEPTED]]
        return statement.model_copy(update={"predicate": statement.predicate | {EXCEPTED: passed_over}})

    def settle(name: str, made: dict[str, Any]) -> None:
        if name == "prod":
            made["exceptions"] = made["exceptions"][:1]

    found = evidenced(copy.deepcopy(SHORT), change=change, settle=settle)
    return Made(found, {name: [found.digest(f"grant of {name}")] for name in SHORT})


def a_verdict(**predicate: Any) -> Made:
    def change(name: str, statement: Statement) -> Statement:
        if name != "verdict of prod":
            return statement
        return statement.model_copy(update={"predicate": statement.predicate | predicate})

    found = evidenced(copy.deepcopy(SHORT), change=change)
    return Made(found, {name: [found.digest(f"grant of {name}")] for name in SHORT})


def an_approval_later_than_the_grant_by(minutes: int) -> Made:
    def change(name: str, statement: Statement) -> Statement:
        if not name.startswith("approval of prod"):
            return statement
        made_at = (BEGAN + timedelta(minutes=60 + minutes)).isoformat()
        return statement.model_copy(update={"predicate": statement.predicate | {"made_at": made_at}})

    found = evidenced(copy.deepcopy(SHORT), change=change)
    return Made(found, {name: [found.digest(f"grant of {name}")] for name in SHORT})


DISAGREED: dict[str, tuple[Callable[[], Made], str]] = {
    "an exception signed by one person": (an_exception_signed_by_one, "has the word of grace alone: two people sign one"),
    "a verdict of another verifier": (
        lambda: a_verdict(verifier={"id": "https://elsewhere.test/gates"}),
        "it is by https://elsewhere.test/gates, not by https://pratique.dev/gates",
    ),
    "a verdict about another environment": (
        lambda: a_verdict(resourceUri="urn:pratique:environment:hello:dev"),
        "it is about urn:pratique:environment:hello:dev, not about urn:pratique:environment:hello:prod",
    ),
    "an approval inside the tolerance of clocks": (lambda: an_approval_later_than_the_grant_by(3), ""),
    "an approval outside the tolerance of clocks": (
        lambda: an_approval_later_than_the_grant_by(6),
        "it is later than the grant",
    ),
}


@pytest.mark.parametrize("case", DISAGREED)
def test_what_was_judged_differently_has_one_answer(case: str, seals: Seals, policies: None) -> None:
    make, reason = DISAGREED[case]
    made = make()
    seen = seen_of(made, seals)
    assert list(disagreements(made, seen, prove(seen))) == list(asked(made, seals, seen)) == []
    problems = prove(seen).problems
    assert (problems == ()) if not reason else any(reason in one for one in problems), problems
    registry = made.found.in_registry()
    audit = auditing.audit(Site.of(made, registry, seals), "hello", "prod", None)
    assert audit is not None
    assert audit.faults == problems


# What cannot be told is no reason to revoke.


@pytest.mark.parametrize(
    "gone", ["verdict of prod", "approval of prod by grace", "grant of dev", "grant of prod", "everything"]
)
def test_a_second_look_at_evidence_that_was_taken_away_says_that_it_cannot_tell(
    gone: str, seals: Seals, policies: None
) -> None:
    found = evidenced(copy.deepcopy(SHORT))
    made = Made(found, {name: [found.digest(f"grant of {name}")] for name in SHORT})
    found.attached = {name: one for name, one in found.attached.items() if gone not in {name, "everything"}}
    # Not even the signer is opened: there is none.
    looked = reverify(Site.of(made, found.in_registry(), seals), row(made, "prod", made.recorded["prod"][0]), dry_run=False)
    assert looked.unknown
    assert (looked.reasons, looked.revoked) == ((), False)


def test_a_second_look_at_evidence_that_contradicts_itself_has_something_against_it(seals: Seals, policies: None) -> None:
    made = an_exception_signed_by_one()
    looked = reverify(Site.of(made, made.found.in_registry(), seals), row(made, "prod", made.recorded["prod"][0]), dry_run=True)
    assert not looked.unknown
    assert any("has the word of grace alone" in one for one in looked.reasons)
