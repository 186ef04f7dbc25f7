"""What policies are told, of evidence and rulings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pratique.decisions.chain import chain_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.facts import facts_of
from pratique.decisions.provenance import signature_statement
from pratique.decisions.situation import Situation
from pratique.values.digest import digest_of
from pratique.values.environment import environment_of
from pratique.values.evidence import IdentitySigner, KeySigner, VerifiedStatement
from pratique.values.facts import Facts
from pratique.values.people import Person
from pratique.values.requirements import Exceptions, Requirements
from pratique.values.ruling import SignedRuling
from tests.fakes.grants import BEGAN, NOW, chain
from tests.fakes.rulings import PEOPLE, PLAN, POLICY, by, ruled
from tests.fakes.stored_release import stored_release

STORED = stored_release()
SOON = BEGAN + timedelta(hours=1)
MAY = Exceptions.model_validate({"from": ["release-managers"], "longest": "4h"})


def facts(*ruled_statements: VerifiedStatement, **changed: Any) -> Facts:
    gathered = Gathered(reference=STORED.reference, verified=tuple(chain(STORED).values()), ruled=ruled_statements)
    usual: dict[str, Any] = {
        "stored": STORED,
        "environment": environment_of(STORED.release.manifest, "prod"),
        "origins": None,
        "trusted": (),
        "evidence": (gathered,),
        "chain": chain_of(STORED, gathered, SOON),
        "people": PEOPLE,
        "policy": POLICY,
        "now": SOON,
    }
    return facts_of(Situation.model_validate(usual | changed))


def test_moments_are_whole_seconds_and_the_chain_is_told_by_environment() -> None:
    found = facts()
    assert found.now == int(SOON.timestamp())
    assert [(grant.environment, grant.signer.name) for grant in found.chain.grants] == [
        ("dev", "key:k"),
        ("load", "key:k"),
        ("staging", "key:k"),
        ("prod", "key:k"),
    ]
    assert found.chain.grants[2].granted_at == int(BEGAN.timestamp()) + 120


def test_whoever_signed_an_image_is_told_once_and_who_signed_something_else_is_not() -> None:
    image = STORED.release.images[0].reference
    signature = signature_statement(image.repository, image.digest)
    elsewhere = signature_statement(image.repository, digest_of(b"other"))
    signers = [
        KeySigner(hint="k"),
        KeySigner(hint="k"),
        IdentitySigner(identity="ci@example.test", issuer="https://issuer.test"),
    ]
    verified = [VerifiedStatement(statement=signature, signer=signer, bundle=digest_of(b"1")) for signer in signers]
    verified.append(VerifiedStatement(statement=elsewhere, signer=KeySigner(hint="x"), bundle=digest_of(b"2")))
    found = facts(evidence=(Gathered(reference=image, verified=tuple(verified)),))
    told = [(signer.name, signer.issuer) for signer in found.release.images[0].signers]
    assert told == [("key:k", ""), ("ci@example.test", "https://issuer.test")]
    assert found.release.images[1].signers == ()


def test_the_newest_word_of_each_person_is_told_with_whether_they_wrote_the_commit() -> None:
    found = facts(
        by(STORED, "bob", ruled(STORED, "reject", 1)),
        by(STORED, "bob", ruled(STORED, "approve", 2, expires_at=NOW)),
        by(STORED, "ada", ruled(STORED, "approve", 3)),
        by(STORED, "cy", ruled(STORED, "approve", 4, environment="staging")),
        by(STORED, "", ruled(STORED, "approve", 5, clicked_by="bob")),
    )
    told = [(one.by, one.kind, one.is_author, one.is_click, one.expires_at) for one in found.approvals]
    assert told == [
        ("bob", "approve", False, False, int(NOW.timestamp())),
        ("ada", "approve", True, False, None),
        ("bob", "approve", False, True, None),
    ]
    assert {(one.plan, one.policy) for one in found.approvals} == {(PLAN, POLICY)}


@pytest.mark.parametrize(
    ("emails", "author", "is_author"),
    [
        (["Ada@Example.Test"], "Ada <ada@example.test>", True),
        (["other@example.test"], "Ada <ada@example.test>", False),
        ([], "Ada <ada@example.test>", True),
        (["other@example.test"], "Ada", True),
        (["other@example.test", "ada@example.test"], "A. L. <ada@example.test>", True),
        (["ada@example.test"], "Ada <ada+fixes@example.test>", True),
        (["ada+work@example.test"], "Ada <ADA@example.test.>", True),
        (["ada@example.test"], "Ada <\uff41da@example.test>", True),
        (["ada.lovelace@gmail.com"], "Ada <adalovelace+x@googlemail.com>", True),
        (["ada.lovelace@example.test"], "Ada <adalovelace@example.test>", False),
        (["ada@example.test"], "Ada <ada@elsewhere.test>", False),
    ],
)
def test_where_somebody_may_have_written_the_commit_they_have(emails: list[str], author: str, *, is_author: bool) -> None:
    commit = STORED.release.commit.model_copy(update={"author": author})
    stored = STORED.model_copy(update={"release": STORED.release.model_copy(update={"commit": commit})})
    person = Person.model_validate({"emails": emails, "trust": [{"kind": "key", "pem": "bob"}]})
    people = PEOPLE.model_copy(update={"persons": {**PEOPLE.persons, "bob": person}})
    statement = by(STORED, "bob", ruled(STORED, "approve"))
    found = facts(stored=stored, people=people, evidence=(Gathered(reference=stored.reference, ruled=(statement,)),))
    assert [one.is_author for one in found.approvals] == [is_author]


EXCEPTION_CASES: dict[str, tuple[list[tuple[str, dict[str, Any]]], int]] = {
    "two who may": ([("bob", {}), ("cy", {"minute": 1})], 1),
    "one alone": ([("bob", {})], 0),
    "one twice": ([("bob", {}), ("bob", {"minute": 1})], 0),
    "one who may and one who may not": ([("bob", {}), ("ada", {})], 0),
    "another gate": ([("bob", {}), ("cy", {"gate": "windows"})], 0),
    "another finding": ([("bob", {"finding": "CVE-1"}), ("cy", {"finding": "CVE-2"})], 0),
    "another reason": ([("bob", {}), ("cy", {"reason": "why not"})], 0),
    "another end": ([("bob", {}), ("cy", {"expires_at": BEGAN + timedelta(hours=3)})], 0),
    "another environment": ([("bob", {}), ("cy", {"environment": "staging"})], 0),
    "for longer than anybody may": ([(who, {"expires_at": BEGAN + timedelta(hours=5)}) for who in ("bob", "cy")], 0),
    "over": ([(who, {"expires_at": SOON}) for who in ("bob", "cy")], 0),
}


@pytest.mark.parametrize("name", EXCEPTION_CASES)
def test_an_exception_takes_two_who_may_and_the_very_same_words(name: str) -> None:
    copies, count = EXCEPTION_CASES[name]
    statements = [by(STORED, who, ruled(STORED, "except", **fields)) for who, fields in copies]
    found = facts(*statements, exceptions=MAY).exceptions
    assert len(found) == count
    assert all((one.by, one.gate) == (("bob", "cy"), "soak") for one in found)


def test_where_nobody_may_make_exceptions_there_are_none() -> None:
    statements = [by(STORED, who, ruled(STORED, "except")) for who in ("bob", "cy")]
    assert facts(*statements, exceptions=None).exceptions == ()


def test_a_revocation_is_told_whoever_made_it() -> None:
    found = facts(by(STORED, "", ruled(STORED, "revoke")), by(STORED, "bob", ruled(STORED, "revoke", 1)))
    assert [one.by for one in found.revocations] == ["the pipeline", "bob"]


def test_holds_after_other_releases_and_after_this_one_are_told_until_they_are_lifted() -> None:
    own = by(STORED, "", ruled(STORED, "hold"))
    other = ruled(STORED, "hold", 1, release=digest_of(b"other"))
    elsewhere = ruled(STORED, "hold", 2, release=digest_of(b"third"), environment="staging")
    signed = [
        SignedRuling(ruling=ruling, by="", signer=KeySigner(hint="k"), bundle=digest_of(ruling.model_dump_json().encode()))
        for ruling in (other, elsewhere)
    ]
    lift = by(STORED, "bob", ruled(STORED, "lift", 3, hold=own.bundle))
    found = facts(own, lift, holds=tuple(signed)).holds
    assert {(one.release, one.lifted) for one in found} == {(digest_of(b"other"), False), (STORED.digest, True)}


def test_what_both_sides_ask_for_is_told_side_by_side_in_seconds() -> None:
    asked = Requirements.model_validate(
        {
            "soak": "2h",
            "approvals": {"required": 2, "from": ["release-managers", "ada", "nobody"], "expires": "1d"},
            "vulnerabilities": {"critical": 0, "scanned_within": "7d"},
            "licences": {"deny": ["AGPL-*"]},
            "signed_by": ["*@example.test"],
        }
    )
    service, operator = facts(asked_by_operator=asked).gates
    assert (service.by, service.soak, service.approvals, service.licences) == ("service", None, None, None)
    assert (operator.by, operator.soak, operator.signed_by) == ("operator", 7200, ("*@example.test",))
    assert operator.approvals is not None
    assert (operator.approvals.people, operator.approvals.expires) == (("ada", "bob", "cy"), 86400)
    assert operator.vulnerabilities is not None
    assert (operator.vulnerabilities["critical"], operator.vulnerabilities["high"]) == (0, None)
    assert operator.vulnerabilities["scanned_within"] == 7 * 86400
    assert operator.licences == {"allow": [], "deny": ["AGPL-*"], "unknown": "refuse"}
