"""One grant, with everything that it rests on: what is there, who signed it, and what is missing or wrong."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from pratique.decisions.chain import SignedGrant
from pratique.decisions.dsse import problems_of
from pratique.decisions.ruling_reasons import (
    CLOCKS,
    approval_reasons,
    exception_reasons,
    is_excepted,
    too_few,
    unpaired,
    why_not_counted,
)
from pratique.decisions.seen import Seen
from pratique.decisions.summary_reasons import looked_at, result_reasons, summary_reasons
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


class ProvenGrant:
    """A grant that counts, as the environment believes it."""

    def __init__(self, seen: Seen, signed: SignedGrant) -> None:
        self._seen, self._signed, self._grant = seen, signed, signed.grant
        self._place = seen.place(self._grant.environment)
        self._environment = environment_of(seen.stored.release.manifest, self._grant.environment)
        self._attached = seen.attached_in(self._grant.environment)
        self._verified = {found.bundle: found for found in self._attached[0].verified}
        self._rulings = {found.bundle: found for found in seen.rulings.counted}
        self._is_todays = self._place.policy == self._grant.policy

    def part(self, kind: str) -> Part:
        """The grant, what it rests on below it."""
        grant = self._grant
        approvals = [self._approval(named) for named in grant.approvals]
        exceptions = [self._exception(bundle) for bundle in grant.exceptions]
        parts = [
            self._summary("verdict", grant.verdict, summary_reasons, needed=True),
            self._summary("checks", grant.results, result_reasons, needed=bool(grant.checks)),
            *(part for part, _ in approvals),
            *(part for part, _ in exceptions),
            self._replaced(),
        ]
        good = [(named, signed) for named, (_, signed) in zip(grant.approvals, approvals, strict=True) if signed is not None]
        excepted = [signed for _, signed in exceptions if signed is not None]
        return Part(
            kind=kind,
            name=grant.environment,
            digest=self._signed.bundle,
            by=(signer_name(self._signed.signer),),
            at=grant.granted_at,
            says=tuple(self._says()),
            wrong=(*self._too_few(good, excepted), *self._unpaired(excepted), *self._times()),
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
            missing = self._at_fault(
                f"it names no statement of what {'the gates' if kind == 'verdict' else 'its checks'} came to"
            )
            return Part(kind=kind, wrong=(missing,)) if needed else None
        found = self._verified.get(bundle)
        if found is None:
            return Part(kind=kind, digest=bundle, wrong=(self._at_fault(f"its {kind} {bundle[7:19]} {self._gone(bundle)}"),))
        wrong = [
            self._at_fault(f"its {kind} {bundle[7:19]}: {one}")
            for one in reasons(found.statement, self._environment, self._grant)
        ]
        says: list[str] = []
        if kind == "verdict":
            rests_on = looked_at(found.statement)
            there = {one.bundle for gathered in self._attached for one in (*gathered.verified, *gathered.ruled)}
            there |= {one.bundle for gathered in self._seen.evidence for one in gathered.ruled}
            wrong += [
                self._at_fault(f"its {kind} {bundle[7:19]} rests on the evidence {one[7:19]}, which {self._gone(one)}")
                for one in rests_on
                if one not in there
            ]
            says.append(f"passed, on {len(rests_on)} statements")
        else:
            says += [f"{check.name}: {check.detail}" for check in self._grant.checks]
        return Part(kind=kind, digest=bundle, by=(signer_name(found.signer),), says=tuple(says), wrong=tuple(wrong))

    def _approval(self, named: Approval) -> tuple[Part, SignedRuling | None]:
        """The approval, and the ruling where it counted."""
        signed = self._rulings.get(named.bundle)
        if signed is None:
            return self._missing("approval", named.by, named.bundle), None
        wrong = approval_reasons(named, signed, self._grant)
        uncounted = "" if wrong else why_not_counted(signed, self._grant, self._seen.rulings)
        says = [signed.ruling.reason] if signed.ruling.reason else []
        says += ["a click, of which nobody can prove whose it was"] if named.is_click else []
        says += [f"did not count: {uncounted}"] if uncounted else []
        if isinstance(signed.ruling, Approve) and signed.ruling.expires_at:
            says.append(f"until {signed.ruling.expires_at:%Y-%m-%d %H:%M} UTC")
        part = self._ruled("approval", named.by, signed, says, wrong)
        return part, None if wrong or uncounted else signed

    def _exception(self, bundle: Digest) -> tuple[Part, SignedRuling | None]:
        """The exception, and the ruling where it is one for this grant."""
        signed = self._rulings.get(bundle)
        if signed is None:
            return self._missing("exception", "", bundle), None
        wrong, ruling = exception_reasons(signed, self._grant), signed.ruling
        gate = f"{ruling.gate} {ruling.finding}".strip() if isinstance(ruling, Except) else ""
        says = [ruling.reason]
        if isinstance(ruling, Except):
            says.append(f"until {ruling.expires_at:%Y-%m-%d %H:%M} UTC")
        return self._ruled("exception", gate, signed, says, wrong), None if wrong else signed

    def _ruled(self, kind: str, name: str, signed: SignedRuling, says: list[str], wrong: list[str]) -> Part:
        by = f"{signed.by} ({signer_name(signed.signer)})" if signed.by else signer_name(signed.signer)
        faults = [self._at_fault(f"its {kind} {signed.bundle[7:19]}: {one}") for one in wrong]
        return Part(
            kind=kind,
            name=name,
            digest=signed.bundle,
            by=(by,),
            at=signed.ruling.made_at,
            says=tuple(says),
            wrong=tuple(faults),
        )

    def _missing(self, kind: str, name: str, bundle: Digest) -> Part:
        why = next((fault for fault in self._seen.rulings.faults if fault.startswith(f"ruling {bundle[7:19]} ")), "")
        said = f"its {kind} {bundle[7:19]} {self._gone(bundle)}" if not why else f"its {kind} {bundle[7:19]}: {why}"
        return Part(kind=kind, name=name, digest=bundle, wrong=(self._at_fault(said),))

    def _replaced(self) -> Part | None:
        bundle = self._grant.replaces
        if bundle is None:
            return None
        known = self._seen.replaced.get(self._grant.environment, {}).get(bundle)
        found = known.found if known is not None else None
        if found is None:
            why = known.why if known is not None else "it is not in the registry"
            return Part(
                kind="replaced", digest=bundle, wrong=(self._at_fault(f"the grant {bundle[7:19]} that it replaces: {why}"),)
            )
        earlier, wrong = self._read_replaced(found)
        return Part(
            kind="replaced",
            name=earlier.commit[:12] if earlier else "",
            digest=bundle,
            by=(signer_name(found.signer),),
            at=earlier.granted_at if earlier else None,
            says=(f"release {earlier.release}, fence {earlier.fence}",) if earlier else (),
            wrong=tuple(self._at_fault(f"the grant {bundle[7:19]} that it replaces: {one}") for one in wrong),
        )

    def _read_replaced(self, found: VerifiedStatement) -> tuple[Grant | None, list[str]]:
        """The grant that was replaced, and every reason why it cannot have been."""
        try:
            earlier = Grant.model_validate(found.statement.predicate)
        except ValidationError as error:
            return None, [f"it cannot be read: {problems_of(error)}"]
        grant = self._grant
        wrong = {
            f"it is a {found.statement.predicate_type}, no grant": found.statement.predicate_type != GRANT_PREDICATE,
            "it does not speak of the release that it names": not found.statement.speaks_of(earlier.release),
            f"it is one of {earlier.service}": earlier.service != grant.service,
            f"it is one of {earlier.environment}": earlier.environment != grant.environment,
            f"its fence {earlier.fence} is not lower than {grant.fence}": earlier.fence >= grant.fence,
        }
        return earlier, [reason for reason, is_wrong in wrong.items() if is_wrong]

    def _too_few(self, approvals: list[tuple[Approval, SignedRuling]], exceptions: list[SignedRuling]) -> list[str]:
        """Nobody is asked about what comes back."""
        if self._grant.kind == "rollback" or is_excepted(exceptions):
            return []
        asked = [("the service", self._environment.gates.approvals)]
        # What the operator asks for now is what they asked for then where the policy is the same.
        asked += [("the operator", self._place.gates.approvals)] if self._is_todays else []
        people, commit = self._seen.material.people, self._seen.stored.release.commit
        return [
            self._at_fault(one)
            for side, wanted in asked
            if wanted is not None
            for one in too_few(side, wanted, approvals, self._grant, rulings=self._seen.rulings, people=people, commit=commit)
        ]

    def _unpaired(self, exceptions: list[SignedRuling]) -> list[str]:
        allowed = self._place.exceptions if self._is_todays else None
        return [self._at_fault(one) for one in unpaired(exceptions, allowed, self._seen.material.people)]

    def _gone(self, bundle: Digest) -> str:
        """Why a bundle is not among those that count."""
        for claimed in self._seen.claimed:
            if claimed.bundle == bundle:
                return f"is attached, but does not count: {claimed.why}"
        return "is not attached by anyone whose signature counts there"

    def _at_fault(self, what: str) -> str:
        return f"grant {self._signed.bundle[7:19]} in {self._grant.environment!r}: {what}"
