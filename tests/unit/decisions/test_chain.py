"""The chain of a release: every link holds, or the grant does not count and says why."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.decisions.chain import Chain, chain_of, grant_statement
from pratique.values.digest import digest_of
from pratique.values.evidence import PROVENANCE_PREDICATE, VerifiedStatement, statement_about
from pratique.values.grant import Grant
from tests.fakes.grants import NOW, SIGNER, attached, chain, granted, signed
from tests.fakes.stored_release import COMMIT, stored_release

STORED = stored_release()
OTHER = stored_release(COMMIT.model_copy(update={"id": "2" * 40}))
ENVIRONMENTS = ["dev", "load", "staging", "prod"]

Statements = dict[str, VerifiedStatement]


def read(statements: Statements) -> Chain:
    return chain_of(STORED, attached(STORED, list(statements.values())), NOW)


def grant_of(found: VerifiedStatement) -> Grant:
    return Grant.model_validate(found.statement.predicate)


def changed(found: VerifiedStatement, **fields: Any) -> VerifiedStatement:
    """The grant with other fields, signed anew by the same signer."""
    return signed(STORED, grant_of(found).model_copy(update=fields))


def test_a_whole_chain_counts_in_every_environment() -> None:
    found = read(chain(STORED))
    assert [one.grant.environment for one in found.counted] == ENVIRONMENTS
    assert found.faults == ()
    assert list(found.by_environment) == ENVIRONMENTS


def test_without_a_grant_an_environment_has_granted_nothing_and_no_fault_is_made_up() -> None:
    found = read(chain(STORED, through="load"))
    assert list(found.by_environment) == ["dev", "load"]
    assert found.faults == ()


def test_other_evidence_is_no_grant_and_no_fault() -> None:
    other = statement_about("hello/releases", STORED.digest, PROVENANCE_PREDICATE, {})
    found = read({"x": VerifiedStatement(statement=other, signer=SIGNER, bundle=digest_of(b"x"))})
    assert (found.counted, found.faults) == ((), ())


Tamper = Callable[[Statements], None]


def replace(of: str, **fields: Any) -> Tamper:
    def tamper(statements: Statements) -> None:
        statements[of] = changed(statements[of], **fields)

    return tamper


def drop(environment: str) -> Tamper:
    def tamper(statements: Statements) -> None:
        del statements[environment]

    return tamper


def swap_links(statements: Statements) -> None:
    """Staging names dev's grant as load's, and load's as dev's."""
    one, two = grant_of(statements["staging"]).upstream
    exchanged = (one.model_copy(update={"grant": two.grant}), two.model_copy(update={"grant": one.grant}))
    statements["staging"] = changed(statements["staging"], upstream=exchanged)


def replay_from_another_release(statements: Statements) -> None:
    statements["staging"] = chain(OTHER)["staging"]


def put_under_another_subject(statements: Statements) -> None:
    foreign = grant_of(chain(OTHER)["staging"])
    statements["staging"] = signed(OTHER, foreign, subject=STORED)


def attach_a_grant_of_another_subject(statements: Statements) -> None:
    statements["staging"] = signed(STORED, grant_of(statements["staging"]), subject=OTHER)


def name_links_of_another_release(statements: Statements) -> None:
    statements["staging"] = changed(statements["staging"], upstream=grant_of(chain(OTHER)["staging"]).upstream)


def garble(statements: Statements) -> None:
    statement = grant_statement(STORED, grant_of(statements["staging"]))
    predicate = {key: value for key, value in statement.predicate.items() if key != "plan"}
    statements["staging"] = statements["staging"].model_copy(
        update={"statement": statement.model_copy(update={"predicate": predicate})}
    )


LATER = granted(STORED, "dev", 0, {}).granted_at + timedelta(hours=2)

TAMPERED: dict[str, tuple[Tamper, str, str]] = {
    "dev's grant is dropped": (drop("dev"), "staging", "of dev, which is not there or does not count"),
    "load's grant is dropped": (drop("load"), "staging", "of load, which is not there or does not count"),
    "staging's grant is dropped": (drop("staging"), "prod", "of staging, which is not there or does not count"),
    "a grant of another release": (replay_from_another_release, "staging", "it does not speak of this release"),
    "a grant of another release under this subject": (put_under_another_subject, "staging", "it names the release sha256:"),
    "a grant of this release under another subject": (
        attach_a_grant_of_another_subject,
        "staging",
        "it does not speak of this release",
    ),
    "links into the chain of another release": (name_links_of_another_release, "staging", "which is not there"),
    "two links exchanged": (swap_links, "staging", "as one of dev, and that is one of load"),
    "moved to another environment": (replace("staging", environment="prod"), "prod", "not of staging"),
    "moved to an environment that nobody knows": (
        replace("staging", environment="canary"),
        "canary",
        "knows no such environment",
    ),
    "no links where there must be": (replace("staging", upstream=()), "staging", "it follows grants of none, not of dev, load"),
    "links where there are none": (
        replace("dev", upstream=grant_of(chain(STORED)["prod"]).upstream),
        "dev",
        "it follows grants of staging, not of none",
    ),
    "another commit": (replace("dev", commit="2" * 40), "dev", f"it names the commit {'2' * 40}"),
    "another service": (replace("dev", service="other"), "dev", "it names the service other"),
    "back-dated before what it follows": (
        replace("staging", granted_at=granted(STORED, "dev", 0, {}).granted_at),
        "staging",
        "of load, which is later than itself",
    ),
    "dated after what follows it": (replace("dev", granted_at=LATER), "staging", "of dev, which is not there"),
    "dated in the future": (replace("prod", granted_at=NOW + timedelta(seconds=1)), "prod", "its time has not come"),
    "a promotion that restores": (replace("dev", restores=digest_of(b"x")), "dev", "a promotion restores nothing"),
    "a rollback that restores nothing": (replace("dev", kind="rollback"), "dev", "a rollback restores an earlier grant"),
    "a rollback to a grant that is not there": (
        replace("dev", kind="rollback", restores=digest_of(b"x")),
        "dev",
        "which is not there or does not count",
    ),
    "a field left out": (garble, "staging", "cannot be read: plan: Field required"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_chain_that_was_tampered_with_does_not_count_from_there_on(case: str) -> None:
    tamper, environment, reason = TAMPERED[case]
    statements = chain(STORED)
    tamper(statements)
    found = read(statements)
    assert reason in " ".join(found.faults)
    if environment in ENVIRONMENTS:
        assert environment not in {one.grant.environment for one in found.counted}
    assert "prod" not in found.by_environment


def test_a_rollback_counts_where_it_restores_an_earlier_grant_of_the_environment() -> None:
    statements = chain(STORED)
    first = statements["dev"]
    again = granted(STORED, "dev", 30, {}, kind="rollback", restores=first.bundle)
    found = read(statements | {"again": signed(STORED, again)})
    assert found.faults == ()
    assert found.by_environment["dev"].grant == again, "of two grants of an environment the newest is told"
    assert "prod" in found.by_environment, "what followed the first one still counts"


def test_a_rollback_does_not_restore_a_grant_of_another_environment_or_a_later_fence() -> None:
    statements = chain(STORED)
    elsewhere = granted(STORED, "dev", 30, {}, kind="rollback", restores=statements["load"].bundle)
    earlier = granted(STORED, "prod", 30, {}, kind="rollback", restores=statements["prod"].bundle, fence=1)
    found = read(statements | {"a": signed(STORED, elsewhere), "b": signed(STORED, earlier)})
    assert "as one of dev, and that is one of load" in found.faults[0]
    assert "whose fence is not lower than its own" in found.faults[1]


def test_grants_that_follow_each_other_in_a_circle_never_count() -> None:
    dev = granted(STORED, "dev", 0, {})
    circle = [
        VerifiedStatement(
            statement=grant_statement(STORED, dev.model_copy(update={"kind": "rollback", "restores": other, "fence": fence})),
            signer=SIGNER,
            bundle=name,
        )
        for name, other, fence in [(digest_of(b"a"), digest_of(b"b"), 1), (digest_of(b"b"), digest_of(b"a"), 2)]
    ]
    found = chain_of(STORED, attached(STORED, circle), NOW)
    assert found.counted == ()
    assert len(found.faults) == 2


@given(st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_in_which_evidence_is_found_changes_nothing(chance: random.Random) -> None:
    statements = list(chain(STORED).values())
    chance.shuffle(statements)
    assert chain_of(STORED, attached(STORED, statements), NOW).counted == read(chain(STORED)).counted


@given(st.sets(st.sampled_from(ENVIRONMENTS)))
@settings(deadline=None)
def test_an_environment_counts_exactly_where_its_own_grant_and_all_before_it_are_there(there: set[str]) -> None:
    found = read({name: one for name, one in chain(STORED).items() if name in there})
    needed = {
        "dev": {"dev"},
        "load": {"load"},
        "staging": {"dev", "load", "staging"},
        "prod": set(ENVIRONMENTS),
    }
    assert {one.grant.environment for one in found.counted} == {name for name in ENVIRONMENTS if needed[name] <= there}


MISSING = {
    "dev's grant is dropped",
    "load's grant is dropped",
    "staging's grant is dropped",
    "links into the chain of another release",
    "dated after what follows it",
    "a rollback to a grant that is not there",
}


@pytest.mark.parametrize("case", TAMPERED)
def test_only_what_is_not_there_is_told_as_absent(case: str) -> None:
    tamper, environment, _ = TAMPERED[case]
    statements = chain(STORED)
    tamper(statements)
    found = read(statements)
    mine = [fault for fault in found.faults if f" {environment!r} " in fault]
    assert set(found.absent) <= set(found.faults)
    assert (bool(mine) and set(mine) <= set(found.absent)) == (case in MISSING)


def test_a_grant_that_something_else_speaks_against_takes_those_after_it_with_it() -> None:
    whole = read(chain(STORED))
    dev = whole.by_environment["dev"].bundle
    found = whole.without({dev: "its verdict is a stranger's"})
    assert list(found.by_environment) == ["load"]
    assert [fault.partition(" does not count: ")[2][:29].strip() for fault in found.faults] == [
        "its verdict is a stranger's",
        f"it follows grant {dev[7:19]}",
        f"it follows grant {whole.by_environment['staging'].bundle[7:19]}",
    ]
    assert found.absent == ()
    assert whole.without({dev: "its verdict is gone"}, {dev}).absent == tuple(
        fault.replace("is a stranger's", "is gone") for fault in found.faults
    )
