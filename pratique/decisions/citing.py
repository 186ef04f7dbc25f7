"""The evidence that a grant names: what each says, and whether it fits the grant."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import ValidationError

from pratique.decisions.dsse import problems_of
from pratique.decisions.summaries import RESULT_PREDICATE, SUMMARY_PREDICATE
from pratique.values._base import Value
from pratique.values.audit import CitedEvidence
from pratique.values.digest import Digest, hex_of
from pratique.values.evidence import IdentitySigner, VerifiedStatement
from pratique.values.grant import Grant
from pratique.values.promotion import Promotion
from pratique.values.ruling import RULING_PREDICATE, RULINGS, Approve, Except, Ruling

Kind = Literal["grant", "verdict", "results", "approval", "exception"]


class Read(Value):
    """A bundle that is named somewhere: verified, or why it could not be."""

    kind: Kind
    bundle: Digest
    found: VerifiedStatement | None = None
    problem: str = ""


class _Said(NamedTuple):
    says: str = ""
    problem: str = ""
    made_at: datetime | None = None


def told(read: Read, held: Promotion, grant: Grant | None) -> CitedEvidence:
    """What it says, and what is wrong with it."""
    found = read.found
    if found is None:
        return CitedEvidence(kind=read.kind, bundle=read.bundle, problem=read.problem)
    if not found.statement.speaks_of(held.release):
        said = _Said(problem=f"it does not speak of release {held.release}")
    elif grant is None:
        said = _Said()
    else:
        said = _READERS[read.kind](found, grant, read.bundle)
    signer = found.signer
    by = found.by or (signer.identity if isinstance(signer, IdentitySigner) else f"key {signer.hint}")
    return CitedEvidence(kind=read.kind, bundle=read.bundle, by=by, made_at=said.made_at, says=said.says, problem=said.problem)


def _grant(_found: VerifiedStatement, grant: Grant, _bundle: Digest) -> _Said:
    return _Said(f"{grant.kind} into {grant.environment}, fence {grant.fence}", made_at=grant.granted_at)


def _verdict(found: VerifiedStatement, grant: Grant, _bundle: Digest) -> _Said:
    summary = found.statement.predicate
    policy = summary.get("policy")
    digest = policy.get("digest") if isinstance(policy, dict) else None
    wrong = {
        "it is no summary of a verdict": found.statement.predicate_type != SUMMARY_PREDICATE,
        "it is a verdict under another policy": digest != {"sha256": hex_of(grant.policy)},
        "it did not let the release in": summary.get("verificationResult") != "PASSED",
    }
    return _Said("the gates let it in, under this policy", _first(wrong))


def _results(found: VerifiedStatement, grant: Grant, _bundle: Digest) -> _Said:
    predicate, names = found.statement.predicate, [check.name for check in grant.checks]
    wrong = {
        "it is no result of checks": found.statement.predicate_type != RESULT_PREDICATE,
        "it says that checks failed": predicate.get("result") != "PASSED",
        f"it speaks of other checks than {', '.join(names)}": predicate.get("passedTests") != names,
    }
    return _Said(f"passed: {', '.join(names)}", _first(wrong))


def _approval(found: VerifiedStatement, grant: Grant, bundle: Digest) -> _Said:
    ruling, problem = _ruling(found)
    if not isinstance(ruling, Approve):
        return _Said(problem=problem or "it is no approval")
    named = next((one for one in grant.approvals if one.bundle == bundle), None)
    is_click = bool(ruling.clicked_by)
    wrong = {
        f"it approves of plan {ruling.plan}": ruling.plan != grant.plan,
        f"it approves under policy {ruling.policy}": ruling.policy != grant.policy,
        f"it approves for {ruling.environment}": ruling.environment != grant.environment,
        "it was given after the grant": ruling.made_at > grant.granted_at,
        f"it is by {ruling.clicked_by or found.by}, and the grant names somebody else": (
            named is None or (named.by, named.is_click) != (ruling.clicked_by or found.by, is_click)
        ),
        "it is no person's signature": not is_click and not found.by,
    }
    how = f"a click by somebody who said to be {ruling.clicked_by}" if is_click else f"approved by {found.by}"
    return _Said(f"{how}: {ruling.reason}".removesuffix(": "), _first(wrong), ruling.made_at)


def _exception(found: VerifiedStatement, grant: Grant, _bundle: Digest) -> _Said:
    ruling, problem = _ruling(found)
    if not isinstance(ruling, Except):
        return _Said(problem=problem or "it is no exception")
    wrong = {
        f"it is for {ruling.environment}": ruling.environment != grant.environment,
        "it was made after the grant": ruling.made_at > grant.granted_at,
        "it had expired before the grant": ruling.expires_at <= grant.granted_at,
        "it is no person's signature": not found.by,
    }
    gate, until = f"{ruling.gate} {ruling.finding}".strip(), f"{ruling.expires_at:%Y-%m-%d %H:%M} UTC"
    return _Said(f"{gate} passed over until {until}: {ruling.reason}", _first(wrong), ruling.made_at)


_READERS = {"grant": _grant, "verdict": _verdict, "results": _results, "approval": _approval, "exception": _exception}


def _ruling(found: VerifiedStatement) -> tuple[Ruling | None, str]:
    if found.statement.predicate_type != RULING_PREDICATE:
        return None, "it is no ruling"
    try:
        return RULINGS.validate_python(found.statement.predicate), ""
    except ValidationError as error:
        return None, f"it cannot be read: {problems_of(error)}"


def _first(wrong: dict[str, bool]) -> str:
    return next((problem for problem, is_wrong in wrong.items() if is_wrong), "")
