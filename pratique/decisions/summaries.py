"""Statements by which others can read what the gates and the checks came to, in the formats that they know.

Formats: SLSA verification summary v1 (slsa.dev/spec/v1.0/verification_summary) and in-toto test result v0.1
(github.com/in-toto/attestation, spec/predicates/test-result.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pratique import __version__
from pratique.values.checks import CheckResult
from pratique.values.digest import Digest, hex_of
from pratique.values.environment import Environment
from pratique.values.evidence import Statement, statement_about
from pratique.values.judged import Judged
from pratique.values.release import StoredRelease

SUMMARY_PREDICATE: Final = "https://slsa.dev/verification_summary/v1"
RESULT_PREDICATE: Final = "https://in-toto.io/attestation/test-result/v0.1"

VERIFIER = "https://pratique.dev/gates"
"""`verifier.id` of our summaries."""

LEVEL = "SLSA_BUILD_LEVEL_1"
"""What provenance by the pipeline itself comes to: it is there, and nothing isolates the build from it."""

SLSA_VERSION = "1.0"

# Fields of our own, named by URIs, as the in-toto specification has extensions.
REASONS = "https://pratique.dev/reasons"
"""Everything that spoke against it and was not passed over."""
EXCEPTED = "https://pratique.dev/excepted"
"""What was passed over, each by signed exceptions."""


def place_uri(environment: Environment) -> str:
    """The environment, as a URI."""
    return f"urn:pratique:environment:{environment.service}:{environment.name}"


def policy_uri(environment: Environment) -> str:
    """Everything that is asked for in the environment, as a URI."""
    return f"{place_uri(environment)}:policy"


def verification_summary(stored: StoredRelease, environment: Environment, judged: Judged) -> Statement:
    """What the gates of the environment came to, with the digest of the policy and of everything that was looked at."""
    allowed = judged.decision.allowed
    predicate: dict[str, Any] = {
        "verifier": {"id": VERIFIER, "version": {"pratique": __version__}},
        "timeVerified": judged.at.isoformat(),
        "resourceUri": place_uri(environment),
        "policy": {"uri": policy_uri(environment), "digest": _sha256(judged.policy)},
        "inputAttestations": [{"digest": _sha256(bundle)} for bundle in judged.looked_at],
        "verificationResult": "PASSED" if allowed else "FAILED",
        "verifiedLevels": [LEVEL] if allowed else ["FAILED"],
        "slsaVersion": SLSA_VERSION,
    }
    against = [*judged.decision.reasons, *(wait.reason for wait in judged.decision.waits)]
    if against:
        predicate[REASONS] = against
    if judged.excepted:
        predicate[EXCEPTED] = [one.model_dump(mode="json") for one in judged.excepted]
    return statement_about(stored.reference.repository, stored.digest, SUMMARY_PREDICATE, predicate)


def check_results(stored: StoredRelease, environment: Environment, results: Sequence[CheckResult]) -> Statement:
    """What the environment's checks found, each by its name."""
    names = {passed: [one.name for one in results if one.passed is passed] for passed in (True, False)}
    predicate = {
        "result": "FAILED" if names[False] or not results else "PASSED",
        "configuration": [{"uri": place_uri(environment), "digest": _sha256(stored.digest)}],
        "passedTests": names[True],
        "warnedTests": [],
        "failedTests": names[False],
    }
    return statement_about(stored.reference.repository, stored.digest, RESULT_PREDICATE, predicate)


def _sha256(digest: Digest) -> dict[str, str]:
    return {"sha256": hex_of(digest)}
