"""Grants: signed before the ledger says so."""

from __future__ import annotations

from pratique.bootstrap import clients
from pratique.decisions.granting import Earned
from pratique.pipeline import grants
from pratique.values.grant import GrantEvidence
from pratique.values.judged import Judged
from pratique.values.passage import Established, Passage
from pratique.values.plan import Plan
from pratique.values.promotion import Standing
from tasks._retries import RETRY_SIGNING
from tasks._step import step, tell


@step("sign the grant of {passage.environment.name}", RETRY_SIGNING)
def sign_grant(
    passage: Passage, judged: Judged, plan: Plan, before: Standing | None, there: Established, *, reason: str = ""
) -> GrantEvidence:
    """The signed grant, stored beside the release; what comes after this environment asks for it."""
    earned = Earned(plan=plan, judged=judged, before=before, address=there.address, checks=there.checks, reason=reason)
    evidence = grants.sign_grant(clients(), passage, earned)
    tell(f"signed the grant {evidence.bundle[7:19]}: {passage.stored.label} in {passage.environment.name}")
    return evidence
