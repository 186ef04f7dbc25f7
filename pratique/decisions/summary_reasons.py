"""Whether the statements that a grant names say what it rests on: that the gates let the release in, and its checks passed.

What a statement lacks or has wrong is a reason, never an error.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from pratique.decisions.counted import CLOCKS
from pratique.decisions.dsse import problems_of
from pratique.decisions.summaries import (
    EXCEPTED,
    LEVEL,
    REASONS,
    RESULT_PREDICATE,
    SLSA_VERSION,
    SUMMARY_PREDICATE,
    VERIFIER,
    place_uri,
    policy_uri,
)
from pratique.values.digest import Digest, hex_of
from pratique.values.environment import Environment
from pratique.values.evidence import Statement
from pratique.values.grant import Grant


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class _Verifier(_Part):
    id: str


class _Resource(_Part):
    uri: str = ""
    digest: dict[str, str] = Field(default_factory=dict)


class _Summary(_Part):
    verifier: _Verifier
    time_verified: AwareDatetime
    resource_uri: str
    policy: _Resource
    input_attestations: tuple[_Resource, ...] = ()
    verification_result: str
    verified_levels: tuple[str, ...]
    slsa_version: str


class _Results(_Part):
    result: str
    configuration: tuple[_Resource, ...]
    passed_tests: tuple[str, ...]
    failed_tests: tuple[str, ...] = ()


_MOMENT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
Predicate = TypeVar("Predicate", _Summary, _Results)


def summary_reasons(statement: Statement, environment: Environment, grant: Grant) -> list[str]:
    """Every reason why it is not what the gates of the environment came to before they granted this; none means it is."""
    found, reasons = _read(_Summary, statement, SUMMARY_PREDICATE, grant)
    if found is None:
        return reasons
    looked_at = {f"sha256:{one.digest.get('sha256')}" for one in found.input_attestations}
    unseen = [one for one in (*(each.bundle for each in grant.approvals), *grant.exceptions) if one not in looked_at]
    wrong = {
        f"it is by {found.verifier.id}, not by {VERIFIER}": found.verifier.id != VERIFIER,
        f"it is about {found.resource_uri}, not about {place_uri(environment)}": found.resource_uri != place_uri(environment),
        f"it is about the policy {found.policy.uri}, not {policy_uri(environment)}": found.policy.uri
        != policy_uri(environment),
        f"it was made under the policy sha256:{found.policy.digest.get('sha256')}, the grant under {grant.policy}": (
            found.policy.digest != {"sha256": hex_of(grant.policy)}
        ),
        f"it says {found.verification_result}": found.verification_result != "PASSED",
        "it says which reasons there are against it": REASONS in statement.predicate,
        f"it vouches for {', '.join(found.verified_levels) or 'nothing'}, not for {LEVEL}": found.verified_levels != (LEVEL,),
        f"it is of SLSA {found.slsa_version}, not {SLSA_VERSION}": found.slsa_version != SLSA_VERSION,
        "it is later than the grant": found.time_verified > grant.granted_at,
        "it is older than the promotion": grant.began_at is not None and found.time_verified < grant.began_at - CLOCKS,
        f"it looked at nothing of {', '.join(one[7:19] for one in unseen)}, which the grant names": bool(unseen),
        "it passed over other exceptions than the grant names": _excepted(statement) != set(grant.exceptions),
    }
    return [*reasons, *(reason for reason, is_wrong in wrong.items() if is_wrong)]


def verified_at(statement: Statement) -> datetime | None:
    """When the gates came to it, as a summary says; None where that cannot be read."""
    try:
        return _MOMENT.validate_python(statement.predicate.get("timeVerified"))
    except ValidationError:
        return None


def looked_at(statement: Statement) -> tuple[Digest, ...]:
    """The bundles that a summary says it rests on, as far as it can be read."""
    found = statement.predicate.get("inputAttestations")
    digests = [one.get("digest") for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return tuple(f"sha256:{one.get('sha256')}" for one in digests if isinstance(one, dict))


def result_reasons(statement: Statement, environment: Environment, grant: Grant) -> list[str]:
    """Every reason why it is not what the checks of the environment found before it granted this; none means it is."""
    found, reasons = _read(_Results, statement, RESULT_PREDICATE, grant)
    if found is None:
        return reasons
    asked = [(one.uri, one.digest) for one in found.configuration]
    named = [check.name for check in grant.checks]
    wrong = {
        f"it is about {', '.join(uri for uri, _ in asked) or 'nothing'}, not about this release in {place_uri(environment)}": (
            asked != [(place_uri(environment), {"sha256": hex_of(grant.release)})]
        ),
        f"it says {found.result}": found.result != "PASSED",
        f"these failed: {', '.join(found.failed_tests)}": bool(found.failed_tests),
        f"it tells of the checks {_listed(found.passed_tests)}, the grant of {_listed(named)}": (
            sorted(found.passed_tests) != sorted(named)
        ),
    }
    return [*reasons, *(reason for reason, is_wrong in wrong.items() if is_wrong)]


def _read(kind: type[Predicate], statement: Statement, predicate_type: str, grant: Grant) -> tuple[Predicate | None, list[str]]:
    """The predicate, and every reason why it is not one of this type about the grant's release."""
    reasons: list[str] = []
    if statement.predicate_type != predicate_type:
        reasons.append(f"it is a {statement.predicate_type}, not a {predicate_type}")
    if not statement.speaks_of(grant.release):
        reasons.append("it does not speak of this release")
    try:
        return kind.model_validate(statement.predicate), reasons
    except ValidationError as error:
        return None, [*reasons, f"it cannot be read: {problems_of(error)}"]


def _excepted(statement: Statement) -> set[Digest]:
    excepted: Any = statement.predicate.get(EXCEPTED, [])
    listed = [one.get("bundles") for one in excepted if isinstance(one, dict)] if isinstance(excepted, list) else []
    return {bundle for bundles in listed if isinstance(bundles, list) for bundle in bundles if isinstance(bundle, str)}


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
