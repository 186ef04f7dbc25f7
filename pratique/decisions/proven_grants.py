"""One grant, with everything that it rests on: what is there, who signed it, and what is missing or wrong.

The numbers are those of the rules in `pratique.decisions.proving`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from pydantic import ValidationError

from pratique.decisions.chain import SignedGrant
from pratique.decisions.counted import (
    APPROVALS,
    CLOCKS,
    LONGEST_ACT,
    Signed,
    allowance_of,
    anybody,
    approval_reasons,
    asked_of,
    exception_reasons,
    exceptions_of,
    heard,
    passed_over,
    tally,
    words_of,
)
from pratique.decisions.dsse import problems_of
from pratique.decisions.seen import Seen
from pratique.decisions.summary_reasons import looked_at, result_reasons, summary_reasons, verified_at
from pratique.values.digest import Digest
from pratique.values.environment import Environment, environment_of
from pratique.values.evidence import IdentitySigner, Signer, Statement, VerifiedStatement
from pratique.values.grant import GRANT_PREDICATE, Approval, Grant
from pratique.values.proof import Part
from pratique.values.ruling import Approve, Except, SignedRuling

Reasons = Callable[[Statement, Environment, Grant], list[str]]


def signer_name(signer: Signer) -> str:
    """Who signed, by name."""
    return signer.identity if isinstance(signer, IdentitySigner) else f"key {signer.hint}"


def named_bundles(grant: Grant) -> tuple[Digest, ...]:
    """The bundles of people's words that the grant names."""
    return (*(one.bundle for one in grant.approvals), *grant.exceptions)


def pinned_of(seen: Seen, grant: Grant) -> list[tuple[str, Digest | None]]:
    """The environments that the operator has come before, each with its newest grant by then; none of a rollback."""
    place = seen.place(grant.environment)
    if grant.kind == "rollback" or not place.after or place.policy != grant.policy:
        return []
    by_then = [one for one in seen.chain_in(grant.environment).history if one.grant.granted_at <= grant.granted_at]
    newest = {one.grant.environment: one.bundle for one in sorted(by_then, key=lambda one: one.grant.fence)}
    return [(name, newest.get(name)) for name in place.after]


class ProvenGrant:
    """A grant whose links hold, as its environment believes it."""

    def __init__(self, seen: Seen, signed: SignedGrant) -> None:
        self._seen, self._signed, self._grant = seen, signed, signed.grant
        self._place = seen.place(self._grant.environment)
        self._environment = environment_of(seen.stored.release.manifest, self._grant.environment)
        self._attached = seen.attached_in(self._grant.environment)
        self._verified = {found.bundle: found for found in self._attached[0].verified}
        self._rulings = {found.bundle: found for found in seen.rulings.counted}
        # What the operator asks for now is what they asked for then where the policy is the same.
        self._is_todays = self._place.policy == self._grant.policy
        self._decided_at, there = self._decided()
        self._heard = heard(seen.rulings.counted, self._decided_at, there)

    def _decided(self) -> tuple[datetime, tuple[Digest, ...]]:
        """When the gates decided, as their verdict says, and what was there then; of a verdict that is missing, as granted.

        One that is much older, or later, than the grant moves no further from it than what is decided may take to be done.
        """
        granted_at, found = self._grant.granted_at, self._verified.get(self._grant.verdict or "")
        at = None if found is None else verified_at(found.statement)
        there = named_bundles(self._grant) if found is None else looked_at(found.statement)
        return (granted_at, there) if at is None else (min(max(at, granted_at - LONGEST_ACT), granted_at), there)

    def part(self, kind: str) -> Part:
        """The grant, what it rests on below it."""
        grant = self._grant
        verdict = self._summary("verdict", grant.verdict, summary_reasons, needed=True)  # 12, 13
        checks = self._summary("checks", grant.results, result_reasons, needed=bool(grant.checks))  # 14
        approvals = [self._approval(named) for named in grant.approvals]  # 15
        exceptions = [self._exception(bundle) for bundle in grant.exceptions]  # 16
        approved = {signed.bundle for _, signed in approvals if signed is not None}
        signed = self._signed_exceptions([one for _, one in exceptions if one is not None])
        words = [part for part, _ in (*approvals, *exceptions)]
        unpaired = [self._at_fault(one) for found in signed for one in found.wrong]  # 17
        too_few = [self._at_fault(one) for one in self._too_few(approved, signed)]  # 18
        # Where a word that the grant names is not there to be counted, nobody can tell that it was not enough.
        is_lost = any(part.missing for part in words)
        parts = (verdict, checks, *words, self._replaced())  # 19
        skipped = [
            self._at_fault(f"the operator has {one!r} come before, and nothing proves that it was granted there by then")
            for one, earlier in pinned_of(self._seen, grant)
            if earlier is None
        ]  # 20
        return Part(
            kind=kind,
            name=grant.environment,
            digest=self._signed.bundle,
            by=(signer_name(self._signed.signer),),
            at=grant.granted_at,
            says=tuple(self._says()),
            wrong=(*self._times(), *(() if is_lost else (*unpaired, *too_few))),  # 11
            missing=(*((*unpaired, *too_few) if is_lost else ()), *skipped),
            parts=tuple(part for part in parts if part is not None),
        )

    def _says(self) -> list[str]:
        grant = self._grant
        follows = ", ".join(f"{link.environment} {link.grant[7:19]}" for link in grant.upstream)
        known = self._place.policy
        age = "" if known is None else ", as today" if self._is_todays else ", which is not today's any more"
        said = [f"{grant.kind} {grant.promotion}, fence {grant.fence}"]
        said += [f"follows {follows}"] if follows else []
        said += [f"restores {grant.restores[7:19]}"] if grant.restores else []
        said += [f"plan {grant.plan}", f"policy {grant.policy}{age}"]
        said += [f"asked for by {grant.requested_by}"] if grant.requested_by else []
        said += [grant.reason] if grant.reason else []
        return said

    def _times(self) -> list[str]:
        began = self._grant.began_at
        return [self._at_fault("it was granted before it began")] if began and began > self._grant.granted_at + CLOCKS else []

    def _summary(self, kind: str, bundle: Digest | None, reasons: Reasons, *, needed: bool) -> Part | None:
        if bundle is None:
            unnamed = self._at_fault(
                f"it names no statement of what {'the gates' if kind == 'verdict' else 'its checks'} came to"
            )
            return Part(kind=kind, wrong=(unnamed,)) if needed else None
        found = self._verified.get(bundle)
        if found is None:
            gone = self._at_fault(f"its {kind} {bundle[7:19]} {self._gone(bundle)}")
            return Part(kind=kind, digest=bundle, missing=(gone,))
        wrong = [
            self._at_fault(f"its {kind} {bundle[7:19]}: {one}")
            for one in reasons(found.statement, self._environment, self._grant)
        ]
        says, missing = self._rests_on(found) if kind == "verdict" else (self._passed(), [])
        signer = (signer_name(found.signer),)
        return Part(kind=kind, digest=bundle, by=signer, says=tuple(says), wrong=tuple(wrong), missing=tuple(missing))

    def _passed(self) -> list[str]:
        return [f"{check.name}: {check.detail}" for check in self._grant.checks]

    def _rests_on(self, verdict: VerifiedStatement) -> tuple[list[str], list[str]]:
        """On how much the verdict rests, and what of that is not there any more."""
        there = {one.bundle for gathered in self._attached for one in (*gathered.verified, *gathered.ruled)}
        there |= {one.bundle for gathered in self._seen.evidence for one in gathered.ruled}
        rests_on = looked_at(verdict.statement)
        gone = [
            self._at_fault(f"its verdict {verdict.bundle[7:19]} rests on the evidence {one[7:19]}, which {self._gone(one)}")
            for one in rests_on
            if one not in there
        ]
        return [f"passed, on {len(rests_on)} statements"], gone

    def _approval(self, named: Approval) -> tuple[Part, SignedRuling | None]:
        """The approval, and the ruling where it is the one that the grant names."""
        signed = self._rulings.get(named.bundle)
        if signed is None:
            return self._absent("approval", named.by, named.bundle), None
        wrong = approval_reasons(named, signed, self._grant)
        says = [signed.ruling.reason] if signed.ruling.reason else []
        says += ["a click, of which nobody can prove whose it was"] if named.is_click else []
        if isinstance(signed.ruling, Approve) and signed.ruling.expires_at:
            says.append(f"until {signed.ruling.expires_at:%Y-%m-%d %H:%M} UTC")
        return self._ruled("approval", named.by, signed, says, wrong), None if wrong else signed

    def _exception(self, bundle: Digest) -> tuple[Part, SignedRuling | None]:
        """The exception, and the ruling where it is one for this grant."""
        signed = self._rulings.get(bundle)
        if signed is None:
            return self._absent("exception", "", bundle), None
        ruling = signed.ruling
        wrong = exception_reasons(ruling, self._grant.environment, self._decided_at)
        gate = f"{ruling.gate} {ruling.finding}".strip() if isinstance(ruling, Except) else ""
        says = [ruling.reason]
        if isinstance(ruling, Except):
            says.append(f"until {ruling.expires_at:%Y-%m-%d %H:%M} UTC")
        return self._ruled("exception", gate, signed, says, wrong), None if wrong else signed

    def _ruled(self, kind: str, name: str, signed: SignedRuling, says: list[str], wrong: list[str]) -> Part:
        by = f"{signed.by} ({signer_name(signed.signer)})" if signed.by else signer_name(signed.signer)
        return Part(
            kind=kind,
            name=name,
            digest=signed.bundle,
            by=(by,),
            at=signed.ruling.made_at,
            says=tuple(says),
            wrong=tuple(self._at_fault(f"its {kind} {signed.bundle[7:19]}: {one}") for one in wrong),
            person=signed.by,
        )

    def _absent(self, kind: str, name: str, bundle: Digest) -> Part:
        """A word that is named and does not count, or is not there."""
        fault = next((one for one in self._seen.rulings.faults if one.startswith(f"ruling {bundle[7:19]} ")), "")
        if fault:
            return Part(kind=kind, name=name, digest=bundle, wrong=(self._at_fault(f"its {kind} {bundle[7:19]}: {fault}"),))
        gone = self._at_fault(f"its {kind} {bundle[7:19]} {self._gone(bundle)}")
        return Part(kind=kind, name=name, digest=bundle, missing=(gone,))

    def _signed_exceptions(self, named: Iterable[SignedRuling]) -> tuple[Signed, ...]:
        """What the exceptions that the grant names come to; under a policy of another day, of anybody's who is known."""
        people = self._seen.material.people
        allowed = allowance_of(self._place.exceptions, people) if self._is_todays else anybody(people)
        return exceptions_of(named, self._grant.environment, allowed, self._decided_at)

    def _too_few(self, approved: set[Digest], signed: Iterable[Signed]) -> list[str]:
        """What is wrong where fewer people had approved than were to, or one had rejected the plan; of a rollback nobody is."""
        grant, people = self._grant, self._seen.material.people
        if grant.kind == "rollback" or passed_over(APPROVALS, "", [one.facts for one in signed if not one.wrong]):
            return []
        asking = [("the service", self._environment.gates.approvals)]
        asking += [("the operator", self._place.gates.approvals)] if self._is_todays else []
        words = words_of(self._heard, grant.environment, people, self._seen.stored.release.commit)
        wrong: list[str] = []
        for side, wanted in asking:
            if wanted is None:
                continue
            found = tally(asked_of(wanted, people), words, plan=grant.plan, policy=grant.policy, now=self._decided_at)
            counted = {one.by for one in found.counted if one.bundle in approved}
            wrong += [f"{one.by} had rejected the plan, and {side} asks for approvals" for one in found.objections]
            if len(counted) < wanted.required:
                whom, others = ", ".join(wanted.from_), "; ".join(f"{one.by}: {', '.join(one.why)}" for one in found.uncounted)
                not_counted = f" (not counted: {others})" if others else ""
                asks = f"{side} asks for {wanted.required} approvals by {whom}"
                wrong.append(f"{asks}, and {len(counted)} that count are named{not_counted}")
        return wrong

    def _replaced(self) -> Part | None:
        bundle = self._grant.replaces
        if bundle is None:
            return None
        known = self._seen.replaced.get(self._grant.environment, {}).get(bundle)
        found = known.found if known is not None else None
        what = f"the grant {bundle[7:19]} that it replaces"
        if found is None:
            why = known.why if known is not None else "it is not in the registry"
            return Part(kind="replaced", digest=bundle, missing=(self._at_fault(f"{what}: {why}"),))
        earlier, wrong = _read_replaced(found, self._grant)
        return Part(
            kind="replaced",
            name=earlier.commit[:12] if earlier else "",
            digest=bundle,
            by=(signer_name(found.signer),),
            at=earlier.granted_at if earlier else None,
            says=(f"release {earlier.release}, fence {earlier.fence}",) if earlier else (),
            wrong=tuple(self._at_fault(f"{what}: {one}") for one in wrong),
        )

    def _gone(self, bundle: Digest) -> str:
        """Why a bundle is not among those that count."""
        for claimed in self._seen.claimed:
            if claimed.bundle == bundle:
                return f"is attached, but does not count: {claimed.why}"
        return "is not attached by anyone whose signature counts there"

    def _at_fault(self, what: str) -> str:
        return f"grant {self._signed.bundle[7:19]} in {self._grant.environment!r}: {what}"


def _read_replaced(found: VerifiedStatement, grant: Grant) -> tuple[Grant | None, list[str]]:
    """The grant that was replaced, and every reason why it cannot have been."""
    try:
        earlier = Grant.model_validate(found.statement.predicate)
    except ValidationError as error:
        return None, [f"it cannot be read: {problems_of(error)}"]
    wrong = {
        f"it is a {found.statement.predicate_type}, no grant": found.statement.predicate_type != GRANT_PREDICATE,
        "it does not speak of the release that it names": not found.statement.speaks_of(earlier.release),
        f"it is one of {earlier.service}": earlier.service != grant.service,
        f"it is one of {earlier.environment}": earlier.environment != grant.environment,
        f"its fence {earlier.fence} is not lower than {grant.fence}": earlier.fence >= grant.fence,
    }
    return earlier, [reason for reason, is_wrong in wrong.items() if is_wrong]
