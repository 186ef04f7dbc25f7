"""An audit: what the ledger says of a time, then the one proof, then what the ledger says differently.

The ledger is an index, the signature is the proof: whether a grant is supported is said by
`pratique.decisions.proving` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from pratique.decisions.chain import SignedGrant
from pratique.values._base import Value
from pratique.values.audit import Approver, Audit, CitedEvidence, EvidenceKind, Replaced
from pratique.values.digest import Digest
from pratique.values.grant import Grant
from pratique.values.plan import Change
from pratique.values.promotion import Promotion
from pratique.values.proof import Part, Proof
from pratique.values.ruling import Hold, Lift, Revoke, SignedRuling


class Looked(Value):
    """Everything that was looked up about one environment at one time."""

    at: datetime
    now: datetime
    held: Promotion
    """What the ledger has as held at that time."""
    own: Promotion | None = None
    """The promotion that the grant names, as the ledger has it."""
    after: Promotion | None = None
    """What the ledger has as granted next, by other evidence."""
    grant: SignedGrant | None = None
    """What the ledger names as its evidence, read by its digest."""
    part: Part | None = None
    """The grant, and everything that it names, as the proof has them."""
    proof: Proof | None = None
    """Of the release that was granted."""
    following: SignedGrant | None = None
    """The grant of what was granted next."""
    problems: tuple[str, ...] = ()
    """Why the grant, its release or the following grant could not be read."""
    replaced: Replaced | None = None
    rulings: tuple[tuple[SignedRuling, str], ...] = ()
    """Holds, lifts and revocations as the ledger has them until the end of that time, and why each is not proved."""
    revoked: tuple[SignedRuling, ...] = ()
    """Revocations of the release, by signed evidence."""
    unfit: str = ""
    """Why what the ledger names as evidence is no grant of that release; empty where it is one, or none is named."""
    against: tuple[str, ...] = ()
    """What the gates have against it today."""


def audit_of(looked: Looked) -> Audit:
    """The answer, and whether it is proved."""
    held, signed = looked.held, looked.grant
    grant = None if signed is None else signed.grant
    until = None if looked.after is None else looked.after.finished_at
    evidence = tuple(_evidence(looked))
    revocations = tuple(
        f"revoked by {one.by or 'the pipeline'} on {one.ruling.made_at:%Y-%m-%d}: {one.ruling.reason}" for one in looked.revoked
    )
    return Audit(
        service=held.service,
        environment=held.environment,
        at=looked.at,
        release=held.release if grant is None else grant.release,
        commit=held.commit if grant is None else grant.commit,
        kind=held.kind if grant is None else grant.kind,
        since=held.finished_at if grant is None else grant.granted_at,
        until=until,
        requested_by=held.requested_by if grant is None else grant.requested_by,
        promotion=held.id if grant is None else grant.promotion,
        run=held.run_url if grant is None else grant.run,
        address=held.address if grant is None else grant.address,
        reason=held.reason if grant is None else grant.reason,
        policy=grant and grant.policy,
        plan=grant and grant.plan,
        changes=_changes(looked.own, grant),
        checks=() if grant is None else grant.checks,
        approvals=() if grant is None else _approvers(grant),
        exceptions=tuple(one for one in evidence if one.kind == "exception"),
        replaced=looked.replaced,
        evidence=evidence,
        rulings=tuple(_rulings_of(looked, until)),
        against=tuple(dict.fromkeys((*revocations, *looked.against))),
        differences=tuple(_differences(looked)),
        faults=tuple(dict.fromkeys((*looked.problems, *_faults(looked)))),
    )


def _approvers(grant: Grant) -> tuple[Approver, ...]:
    return tuple(Approver(by=one.by, is_click=one.is_click, bundle=one.bundle) for one in grant.approvals)


def _changes(own: Promotion | None, grant: Grant | None) -> tuple[Change, ...] | None:
    """What people were shown, where its digest is the one that was signed."""
    if own is None or grant is None or own.asked is None or own.asked.plan.digest != grant.plan:
        return None
    return own.asked.plan.changes


_NAMES: Mapping[str, EvidenceKind] = {
    "verdict": "verdict",
    "checks": "results",
    "approval": "approval",
    "exception": "exception",
}
"""What a grant names, by the part of its proof."""


def _evidence(looked: Looked) -> Iterator[CitedEvidence]:
    """The grant, and what it names, as far as they can be had."""
    if looked.held.evidence is None:
        return
    signed, part = looked.grant, looked.part
    if signed is None or part is None:
        yield CitedEvidence(kind="grant", bundle=looked.held.evidence, problem=looked.unfit)
        return
    grant = signed.grant
    says = f"{grant.kind} into {grant.environment}, fence {grant.fence}"
    problem = "; ".join((*([looked.unfit] if looked.unfit else []), *part.problems))
    yield CitedEvidence(kind="grant", bundle=signed.bundle, by=", ".join(part.by), made_at=part.at, says=says, problem=problem)
    for below in part.parts:
        if below.kind in _NAMES and below.digest is not None:
            yield CitedEvidence(
                kind=_NAMES[below.kind],
                bundle=below.digest,
                by=below.person or ", ".join(below.by),
                made_at=below.at,
                says="; ".join((*([below.name] if below.kind == "exception" else []), *below.says)),
                problem="; ".join(below.problems),
            )


def _faults(looked: Looked) -> Iterator[str]:
    """Whatever the proof has against the release, and against the grant and those that it rests on."""
    evidence, proof = looked.held.evidence, looked.proof
    if evidence is None:
        yield f"nobody signed that promotion {looked.held.id} was granted: the ledger says so, and nothing else does"
        return
    if looked.unfit:
        yield f"grant {evidence}: {looked.unfit}"
    if proof is None:
        return
    yield from proof.of_the_release
    environment = looked.held.environment
    if proof.of_grant(environment, evidence) is None:
        # The rest of what is said of it there is about other grants.
        here = (one for part in proof.parts if part.kind == "environment" for one in part.problems)
        yield from (one for one in here if f" {evidence[7:19]} " in one)
    yield from proof.of_lineage(environment, evidence)
    yield from proof.by_the_ledger


def _differences(looked: Looked) -> Iterator[str]:
    held, signed = looked.held, looked.grant
    if signed is None:
        return
    grant, own = signed.grant, looked.own
    if own is None:
        yield f"the ledger has no promotion {grant.promotion}, which the signed grant names"
    else:
        yield from _between(own, grant)
    if held != own:
        yield from _unlike(_place(held), _place_of(grant))
        if held.finished_at is not None and held.finished_at < grant.granted_at:
            yield f"the ledger has it as kept at {held.finished_at}, before it was granted at {grant.granted_at}"
    if looked.following is not None and looked.following.grant.replaces != signed.bundle:
        replaced = looked.following.grant.replaces or "no grant"
        yield f"what was granted next replaces {replaced}, not {signed.bundle}: the ledger misses what was granted in between"


def _between(own: Promotion, grant: Grant) -> Iterator[str]:
    """Where the ledger's own record of the promotion differs from its grant."""
    ledger: dict[str, object] = {**_place(own), "kind": own.kind, "fence": own.fence}
    signed: dict[str, object] = {**_place_of(grant), "kind": grant.kind, "fence": grant.fence}
    ledger |= {"granted_at": own.finished_at, "reason": own.reason}
    signed |= {"granted_at": grant.granted_at, "reason": grant.reason}
    # Grants that do not say when they began are older than these fields.
    if grant.began_at is not None:
        ledger |= {"began_at": own.started_at, "requested_by": own.requested_by, "address": own.address, "run": own.run_url}
        signed |= {"began_at": grant.began_at, "requested_by": grant.requested_by, "address": grant.address, "run": grant.run}
    return _unlike(ledger, signed)


def _unlike(ledger: dict[str, object], signed: dict[str, object]) -> Iterator[str]:
    for name, value in signed.items():
        if ledger[name] != value:
            yield f"{name}: the ledger says {str(ledger[name])!r}, the signed grant {str(value)!r}"


def _place(promotion: Promotion) -> dict[str, object]:
    return promotion.model_dump(include={"service", "environment", "release", "commit"})


def _place_of(grant: Grant) -> dict[str, object]:
    return grant.model_dump(include={"service", "environment", "release", "commit"})


def _rulings_of(looked: Looked, until: datetime | None) -> Iterator[CitedEvidence]:
    """In their order: what was made in that time, holds that still stood then, and whatever revokes the release."""
    since = looked.held.finished_at if looked.grant is None else looked.grant.grant.granted_at
    known: dict[Digest, tuple[SignedRuling, str]] = {one.bundle: (one, problem) for one, problem in looked.rulings}
    known |= {one.bundle: (one, "") for one in looked.revoked}
    lifted = {
        one.ruling.hold
        for one, problem in known.values()
        if isinstance(one.ruling, Lift) and not problem and since is not None and one.ruling.made_at < since
    }
    for one, problem in sorted(known.values(), key=lambda item: (item[0].ruling.made_at, item[0].bundle)):
        ruling = one.ruling
        if not isinstance(ruling, Hold | Lift | Revoke):
            continue
        in_time = since is not None and since <= ruling.made_at <= (until or looked.now)
        stood = isinstance(ruling, Hold) and one.bundle not in lifted and (since is None or ruling.made_at < since)
        is_of_release = isinstance(ruling, Revoke) and ruling.release == looked.held.release
        if in_time or stood or is_of_release:
            yield CitedEvidence(
                kind=ruling.kind,
                bundle=one.bundle,
                by=one.by or "the pipeline",
                made_at=ruling.made_at,
                says=f"of {ruling.commit[:12]}: {ruling.reason}",
                problem=problem,
            )
