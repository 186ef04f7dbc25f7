"""The input document of the policies, made of what is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pratique.decisions.contents import contents_of
from pratique.decisions.counted import allowance_of, asked_of, exceptions_of, seconds, tally, told_to_gates, words_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.ruled import holds_of, revocations_of
from pratique.decisions.situation import Situation
from pratique.decisions.windows import opening_at
from pratique.values.digest import Digest
from pratique.values.evidence import SIGNATURE_PREDICATE, IdentitySigner, Signer
from pratique.values.facts import (
    ApprovalFacts,
    ChainFacts,
    CommitFacts,
    EnvironmentFacts,
    Facts,
    GrantFacts,
    OpeningFacts,
    PlanFacts,
    ReleaseFacts,
    RequirementFacts,
    SignerFacts,
    SubjectFacts,
)
from pratique.values.promotion import PromotionState
from pratique.values.requirements import Requirements


def facts_of(situation: Situation) -> Facts:
    """Everything that is known, as policies are told it."""
    release = situation.stored.release
    chain = situation.chain
    plan = situation.plan
    environment, people = situation.environment.name, situation.people
    words = words_of(situation.rulings.counted, environment, people, release.commit)
    signed = exceptions_of(situation.rulings.counted, environment, allowance_of(situation.exceptions, people), situation.now)
    return Facts(
        purpose=situation.purpose,
        now=seconds(situation.now),
        service=release.service,
        policy=situation.policy,
        release=_release(situation),
        environment=_environment(situation),
        gates=(
            _requirements("service", situation.environment.gates, situation, words),
            _requirements("operator", situation.asked_by_operator, situation, words),
        ),
        chain=ChainFacts(
            grants=tuple(
                GrantFacts(
                    environment=signed.grant.environment,
                    bundle=signed.bundle,
                    kind=signed.grant.kind,
                    granted_at=seconds(signed.grant.granted_at),
                    signer=signer_facts(signed.signer),
                )
                for signed in chain.counted
            ),
            faults=chain.faults,
        ),
        plan=None if plan is None else PlanFacts(digest=plan.digest, changes=plan.changes, reason=plan.reason),
        approvals=words,
        exceptions=tuple(one.facts for one in signed if not one.wrong),
        revocations=revocations_of(situation),
        holds=holds_of(situation),
    )


def signer_facts(signer: Signer) -> SignerFacts:
    """Who signed, by name."""
    if isinstance(signer, IdentitySigner):
        return SignerFacts(name=signer.identity, issuer=signer.issuer)
    return SignerFacts(name=f"key:{signer.hint}")


def _release(situation: Situation) -> ReleaseFacts:
    stored = situation.stored
    commit = stored.release.commit
    return ReleaseFacts(
        digest=stored.digest,
        commit=CommitFacts(
            id=commit.id, repository=commit.repository, author=commit.author, committed_at=seconds(commit.committed_at)
        ),
        evidence=_subject("", situation.evidence_of(stored.reference)),
        images=tuple(
            _image(image.name, situation.evidence_of(image.reference), situation.now) for image in stored.release.images
        ),
    )


def _subject(name: str, gathered: Gathered) -> SubjectFacts:
    return SubjectFacts(
        name=name,
        repository=gathered.reference.repository,
        digest=gathered.reference.digest,
        signers=_signers(gathered, gathered.reference.digest),
    )


def _image(name: str, gathered: Gathered, now: datetime) -> SubjectFacts:
    return _subject(name, gathered).model_copy(update=dict(contents_of(gathered, now)))


def _signers(gathered: Gathered, digest: Digest) -> tuple[SignerFacts, ...]:
    signers = [
        signer_facts(found.signer)
        for found in gathered.verified
        if found.statement.predicate_type == SIGNATURE_PREDICATE and found.statement.speaks_of(digest)
    ]
    return tuple(dict.fromkeys(signers))


def _environment(situation: Situation) -> EnvironmentFacts:
    environment, stored = situation.environment, situation.stored
    opening = opening_at(environment.windows, environment.freezes, situation.now)
    granted = {
        promotion.environment
        for promotion in situation.upstream
        if promotion.state is PromotionState.GRANTED
        and promotion.release == stored.digest
        and promotion.service == stored.release.service
    }
    return EnvironmentFacts(
        name=environment.name,
        after=situation.after,
        opening=OpeningFacts(
            is_open=opening.is_open,
            words=opening.words,
            changes_at=None if opening.changes_at is None else seconds(opening.changes_at),
        ),
        holds=situation.held,
        granted_upstream=tuple(name for name in situation.after if name in granted),
    )


def _requirements(by: str, asked: Requirements, situation: Situation, words: Sequence[ApprovalFacts]) -> RequirementFacts:
    approvals = None if asked.approvals is None else asked_of(asked.approvals, situation.people)
    plan = None if situation.plan is None else situation.plan.digest
    found = None if approvals is None else tally(approvals, words, plan=plan, policy=situation.policy, now=situation.now)
    vulnerabilities = asked.vulnerabilities
    licences = asked.licences
    return RequirementFacts.model_validate(
        {
            "by": by,
            "soak": None if asked.soak is None else int(asked.soak.total_seconds()),
            "approvals": None if approvals is None or found is None else told_to_gates(approvals, found),
            "vulnerabilities": None
            if vulnerabilities is None
            else vulnerabilities.model_dump(exclude={"scanned_within"})
            | {
                "scanned_within": None
                if vulnerabilities.scanned_within is None
                else int(vulnerabilities.scanned_within.total_seconds())
            },
            "licences": None if licences is None else licences.model_dump(mode="json"),
            "signed_by": asked.signed_by,
        }
    )
