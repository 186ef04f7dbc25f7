"""The grant that a promotion has earned, linked to those that it follows."""

from __future__ import annotations

from datetime import datetime

from pratique.decisions.chain import Chain
from pratique.values._base import Value
from pratique.values.checks import CheckResult
from pratique.values.digest import Digest
from pratique.values.grant import Approval, Grant, Link, PassedCheck
from pratique.values.judged import Judged
from pratique.values.passage import Passage
from pratique.values.plan import Plan
from pratique.values.promotion import Standing


class Earned(Value):
    """What a promotion has come to, besides what it was when it took the lock."""

    plan: Plan
    judged: Judged
    """What the gates came to under the lock."""
    before: Standing | None
    """What the environment held until now."""
    address: str = ""
    checks: tuple[CheckResult, ...] = ()
    reason: str = ""
    """Why it was rolled back, or why nothing had to be done."""


class Signed(Value):
    """What was signed beside the grant, by the digests of the bundles."""

    verdict: Digest
    results: Digest | None = None


def next_grant(chain: Chain, passage: Passage, earned: Earned, beside: Signed, now: datetime) -> Grant:
    """The grant to be signed, linked to the grants of the chain that it follows; the gates have seen that they are there."""
    promotion, environment = passage.promotion, passage.environment
    goes_back = promotion.kind == "rollback"
    links = chain.links_to((environment.name,) if goes_back else environment.after)
    # Another worker's clock may be ahead of ours, and a grant is never earlier than what it follows, or replaces.
    earlier = [chain.by_environment[name].grant.granted_at for name in links]
    if earned.before is not None and earned.before.promotion.finished_at is not None:
        earlier.append(earned.before.promotion.finished_at)
    return Grant(
        kind=promotion.kind,
        service=promotion.service,
        environment=environment.name,
        release=passage.stored.digest,
        commit=promotion.commit,
        promotion=promotion.id,
        fence=passage.lease.fence,
        plan=earned.plan.digest,
        policy=earned.judged.policy,
        checks=tuple(PassedCheck(name=check.name, detail=check.detail) for check in earned.checks),
        granted_at=max([now, *earlier]),
        upstream=() if goes_back else tuple(Link(environment=name, grant=grant) for name, grant in links.items()),
        restores=links.get(environment.name) if goes_back else None,
        replaces=None if earned.before is None else earned.before.promotion.evidence,
        reason=earned.reason,
        verdict=beside.verdict,
        results=beside.results,
        approvals=tuple(Approval(by=one.by, is_click=one.is_click, bundle=one.bundle) for one in earned.judged.approvals),
        exceptions=tuple(dict.fromkeys(bundle for one in earned.judged.excepted for bundle in one.bundles)),
        requested_by=promotion.requested_by,
        began_at=promotion.started_at,
        address=earned.address,
        run=promotion.run_url,
    )
