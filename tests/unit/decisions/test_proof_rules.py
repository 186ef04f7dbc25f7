"""The rules of the proof, each by its number, in the order of the docstring that lists them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import pytest

from pratique.decisions import proving
from pratique.decisions.proving import supported_in
from pratique.pipeline.proving import look
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner
from pratique.values.proof import Proof
from pratique.values.requirements import Approvals, Requirements
from pratique.values.ruling import Except, Hold, Reject, Revoke, SignedRuling
from tests.fakes import evidenced as chains
from tests.fakes.chains import Seals, Shelf, cheaply_signed
from tests.fakes.evidenced import BEGAN, Evidenced, evidenced, rule
from tests.fakes.stored_release import COMMIT

RULES = re.findall(r"^ ?(\d+)\. (.*(?:\n {4}.*)*)", proving.__doc__ or "", re.MULTILINE)
OTHER = digest_of(b"other")
PROD_AT = BEGAN + timedelta(hours=2)


class Case(NamedTuple):
    """What breaks the rule, and how the proof says so."""

    kind: Literal["wrong", "missing"]
    reason: str
    made: Callable[[], Evidenced]
    on_record: Callable[[Evidenced], dict[str, Any]] = lambda _found: {}


def granted(environment: str = "prod", **fields: Any) -> Callable[[], Evidenced]:
    """The pipeline itself signs such a grant."""

    def settle(name: str, settled: dict[str, Any]) -> None:
        if name == environment:
            settled |= {key: value(settled) if callable(value) else value for key, value in fields.items()}

    return lambda: evidenced(settle=settle)


def without(name: str) -> Callable[[], Evidenced]:
    def made() -> Evidenced:
        found = evidenced()
        del found.attached[name]
        return found

    return made


def edited(name: str, **predicate: Any) -> Callable[[], Evidenced]:
    """The pipeline signs such a statement, and the grant names it."""

    def change(of: str, statement: Any) -> Any:
        return statement.model_copy(update={"predicate": statement.predicate | predicate}) if of == name else statement

    return lambda: evidenced(change=change)


def settings(change: Callable[[Evidenced], dict[str, Any]]) -> Callable[[], Evidenced]:
    """The settings believe something else."""

    def made() -> Evidenced:
        found = evidenced()
        return replace(found, material=found.material.model_copy(update=change(found)))

    return made


def place(found: Evidenced, name: str, **changed: Any) -> dict[str, Any]:
    places = found.material.environments
    return {"environments": places | {name: places[name].model_copy(update=changed)}}


def ruled(kind: type, by: str, **fields: Any) -> Callable[[], Evidenced]:
    """Somebody has ruled so besides."""

    def made() -> Evidenced:
        found = evidenced()
        about = {
            "service": "hello",
            "release": found.stored.digest,
            "commit": COMMIT.id,
            "made_at": PROD_AT,
            "reason": "why not",
        }
        rule(found, "ruling", kind.model_validate(about | fields), by)
        return found

    return made


def signed_by(name: str, who: str) -> Callable[[], Evidenced]:
    return lambda: evidenced(pipeline=lambda of: chains.signer(who if of == name else "pipeline"))


def lost_image(found: Evidenced) -> dict[str, Any]:
    return {"gone": {found.stored.release.images[0].reference.digest: "it cannot be pulled"}}


def lost_infrastructure() -> Evidenced:
    found = evidenced()
    key = (found.stored.infrastructure.repository, found.stored.infrastructure.digest)
    del found.registry.manifests[key]
    return found


def on_record_as_ruled(found: Evidenced) -> dict[str, Any]:
    hold = {"service": "hello", "release": found.stored.digest, "commit": COMMIT.id, "made_at": PROD_AT, "promotion": "p"}
    ruling = Hold.model_validate({**hold, "environment": "prod"})
    return {"ruled": (SignedRuling(ruling=ruling, by="", signer=KeySigner(hint="k"), bundle=OTHER),)}


THREE = Requirements(approvals=Approvals.model_validate({"required": 3, "from": ["approvers"]}))

CASES: dict[int, list[Case]] = {
    1: [Case("wrong", "comes from", settings(lambda _: {"origins": {"hello": "https://elsewhere.test/hello.git"}}))],
    2: [
        Case("missing", "the infrastructure bundle hello/infrastructure@", lost_infrastructure),
        Case("missing", "it cannot be pulled", evidenced, lost_image),
    ],
    3: [Case("missing", "is not signed by anyone whom", without("signature of hello/images/web"))],
    4: [
        Case("missing", "has no provenance by anyone whom", without("provenance of hello/releases")),
        Case(
            "wrong",
            "its predicate.buildDefinition.external",
            edited("provenance of hello/images/web", buildDefinition={"buildType": "x"}),
        ),
    ],
    5: [Case("wrong", "says it is https://pratique.dev/grant/v1: bundle", signed_by("grant of prod", "stranger"))],
    6: [
        Case(
            "wrong",
            "the pipeline may not make it by itself",
            ruled(Except, "pipeline", environment="prod", gate="soak", expires_at=PROD_AT),
        )
    ],
    7: [Case("wrong", "it was revoked by linus", ruled(Revoke, "linus"))],
    8: [
        Case("wrong", "it names the service other", granted(service="other")),
        Case("wrong", "it follows grants of none, not of staging", granted(upstream=())),
        Case("wrong", "its time has not come", granted(granted_at=BEGAN + timedelta(days=36500))),
    ],
    9: [
        Case("missing", "of staging, which is not there or does not count", without("grant of staging")),
        Case("wrong", "of dev, which is later than itself", granted("staging", granted_at=BEGAN - timedelta(minutes=1))),
    ],
    10: [
        Case(
            "wrong",
            "the settings do not know whom 'prod' trusts",
            settings(lambda found: {"environments": {k: v for k, v in found.material.environments.items() if k != "prod"}}),
        )
    ],
    11: [Case("wrong", "it was granted before it began", granted(began_at=PROD_AT + timedelta(minutes=6)))],
    12: [
        Case("missing", "its verdict", without("verdict of prod")),
        Case("wrong", "it names no statement of what the gates came to", granted(verdict=None)),
        Case(
            "wrong",
            "it is by https://elsewhere.test/gates, not by",
            edited("verdict of prod", verifier={"id": "https://elsewhere.test/gates"}),
        ),
        Case(
            "wrong",
            "it is about urn:pratique:environment:hello:dev, not",
            edited("verdict of prod", resourceUri="urn:pratique:environment:hello:dev"),
        ),
    ],
    13: [Case("missing", "rests on the evidence", without("provenance of hello/images/web"))],
    14: [
        Case("missing", "its checks", without("checks of prod")),
        Case("wrong", "it tells of the checks healthy, the grant of none", granted(checks=())),
    ],
    15: [
        Case("missing", "its approval", without("approval of prod by grace")),
        Case("wrong", "it is about the plan", granted(plan=OTHER)),
        Case(
            "wrong",
            "it is grace's, not ada's",
            granted(approvals=lambda fields: tuple(one.model_copy(update={"by": "ada"}) for one in fields["approvals"])),
        ),
    ],
    16: [
        Case("missing", "its exception", without("exception of prod by linus")),
        Case("wrong", "before the grant", granted(granted_at=PROD_AT + timedelta(days=2))),
    ],
    17: [
        Case(
            "wrong",
            "has the word of grace alone: two people sign one",
            granted(exceptions=lambda fields: fields["exceptions"][:1]),
        ),
        Case("wrong", "has the word of nobody who may alone", settings(lambda found: place(found, "prod", exceptions=None))),
    ],
    18: [
        Case(
            "wrong",
            "the service asks for 2 approvals by approvers, and 1 that count",
            granted(approvals=lambda fields: fields["approvals"][:1]),
        ),
        Case(
            "wrong",
            "the operator asks for 3 approvals by approvers, and 2 that count",
            settings(lambda found: place(found, "prod", gates=THREE)),
        ),
        Case(
            "wrong",
            "grace had rejected the plan",
            ruled(
                Reject,
                "grace",
                environment="prod",
                plan=digest_of(b"plan of prod"),
                policy=chains.policy("prod"),
                made_at=PROD_AT - timedelta(minutes=1),
            ),
        ),
    ],
    19: [
        Case("missing", "that it replaces", without("earlier grant of prod")),
        Case("wrong", "its fence 1 is not lower than 1", granted(fence=1)),
    ],
    20: [
        Case(
            "missing",
            "the operator has 'load' come before, and nothing proves that it was granted there by then",
            settings(lambda found: place(found, "prod", after=("dev", "load"))),
        )
    ],
    21: [
        Case(
            "missing", "the ledger says that 'prod' has granted it by grant", evidenced, lambda _: {"recorded": {"prod": OTHER}}
        )
    ],
    22: [
        Case("missing", "the ledger has on record that the pipeline signed a ruling to hold it", evidenced, on_record_as_ruled)
    ],
}
OF_A_GRANT = range(8, 21)


def proven(case: Case, seals: Seals) -> tuple[Evidenced, Proof]:
    found = case.made()
    seen = look(Shelf(found), seals, found.stored, found.material).model_copy(update=case.on_record(found))
    return found, proving.prove(seen)


def said(proof: Proof, kind: str) -> str:
    return "\n".join(one for part in proof.parts for below in part.walk() for one in getattr(below, kind))


def test_each_rule_that_is_listed_has_its_cases_in_the_same_order() -> None:
    assert [int(number) for number, _ in RULES] == list(CASES) == list(range(1, len(CASES) + 1))


def test_a_chain_that_keeps_to_every_rule_has_nothing_against_it() -> None:
    with cheaply_signed() as seals:
        found, proof = proven(Case("wrong", "", evidenced), seals)
        seen = look(Shelf(found), seals, found.stored, found.material)
        assert proof.problems == ()
        recorded = {name: found.digest(f"grant of {name}") for name in ("dev", "staging", "prod")}
        assert list(supported_in(seen, "prod", recorded).chain.by_environment) == ["dev", "staging", "prod"]


@pytest.mark.parametrize(
    ("number", "case"),
    [pytest.param(number, case, id=f"{number}: {case.reason}") for number, all_ in CASES.items() for case in all_],
)
def test_what_breaks_a_rule_is_told_as_wrong_or_as_missing(number: int, case: Case) -> None:
    with cheaply_signed() as seals:
        found, proof = proven(case, seals)
        assert case.reason in said(proof, case.kind), proof.problems
        if case.kind == "missing":
            assert case.reason not in said(proof, "wrong")
        if number in OF_A_GRANT:
            seen = look(Shelf(found), seals, found.stored, found.material)
            supported = supported_in(seen, "prod", {})
            assert "prod" not in supported.chain.by_environment, "no gate takes what the proof does not"
            assert bool(supported.missing) == (not said(proof, "wrong") or number == 10)
