"""The chain of a release: its grants, each linked by digest to those that it follows, read from signed statements alone.

    chain = chain_of(stored, gathered, now)
    chain.require("staging")

Nothing here asks the ledger. Only statements whose signature was verified come in, and a grant counts in an environment
when everything it says of itself holds and every grant that it follows counts as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cached_property

from pydantic import ValidationError

from pratique.decisions.dsse import problems_of
from pratique.decisions.evidence import Gathered
from pratique.values._base import Value
from pratique.values.decision import Decision
from pratique.values.digest import Digest
from pratique.values.evidence import Signer, Statement, VerifiedStatement, statement_about
from pratique.values.grant import GRANT_PREDICATE, Grant
from pratique.values.release import StoredRelease


class SignedGrant(Value):
    """A grant, who signed it, and the digest by which later ones name it."""

    grant: Grant
    signer: Signer
    bundle: Digest


class Chain(Value):
    """The grants of one release: those that count, and why the others do not."""

    stored: StoredRelease
    counted: tuple[SignedGrant, ...] = ()
    """The newest that counts of each environment, by their time."""
    history: tuple[SignedGrant, ...] = ()
    """Every one that counts, older ones too, by their time."""
    faults: tuple[str, ...] = ()
    """Of each grant that does not count: which one, and the first thing that is wrong with it."""

    @cached_property
    def by_environment(self) -> dict[str, SignedGrant]:
        return {signed.grant.environment: signed for signed in self.counted}

    def links_to(self, environments: Iterable[str]) -> dict[str, Digest]:
        """The grants to name as followed, by environment; only those that count."""
        return {name: self.by_environment[name].bundle for name in environments if name in self.by_environment}

    def decide(self, environment: str) -> Decision:
        """Whether the environment has granted the release, by a grant that counts."""
        if environment in self.by_environment:
            return Decision()
        why = "; ".join(fault for fault in self.faults if f" {environment!r} " in fault)
        said = f": {why}" if why else ""
        return Decision(reasons=(f"{self.stored.label} has no grant in {environment!r} that counts{said}: promote it there",))


def grant_statement(stored: StoredRelease, grant: Grant) -> Statement:
    """The statement that is signed: the release as its subject, the grant as its predicate."""
    predicate = grant.model_dump(mode="json")
    return statement_about(stored.reference.repository, stored.digest, GRANT_PREDICATE, predicate)


def chain_of(stored: StoredRelease, gathered: Gathered, now: datetime) -> Chain:
    """The release's chain, from what is attached to the release and was verified."""
    pending: dict[Digest, SignedGrant] = {}
    faults: list[str] = []
    for found in gathered.verified:
        if found.statement.predicate_type != GRANT_PREDICATE:
            continue
        signed, problem = grant_in(found)
        if signed is None:
            faults.append(problem)
        elif problem := _contradiction(stored, found.statement, signed.grant, now):
            faults.append(_fault(signed, problem))
        else:
            pending[signed.bundle] = signed
    counted = _counted(pending)
    faults += [_fault(one, _broken(one.grant, counted)) for name, one in pending.items() if name not in counted]
    return _chain(stored, counted.values(), faults)


def _counted(pending: dict[Digest, SignedGrant]) -> dict[Digest, SignedGrant]:
    """Those whose links lead to others that count: added until no more can be, so a circle of links never counts."""
    counted: dict[Digest, SignedGrant] = {}
    while True:
        added = {name: one for name, one in pending.items() if name not in counted and not _broken(one.grant, counted)}
        if not added:
            return counted
        counted |= added


def _chain(stored: StoredRelease, counted: Collection[SignedGrant], faults: list[str]) -> Chain:
    # The fence orders grants of one environment, for clocks of two workers may differ.
    newest = {one.grant.environment: one for one in sorted(counted, key=lambda one: one.grant.fence)}
    return Chain(
        stored=stored,
        counted=tuple(sorted(newest.values(), key=_time)),
        history=tuple(sorted(counted, key=_time)),
        faults=tuple(faults),
    )


def _time(signed: SignedGrant) -> datetime:
    return signed.grant.granted_at


def grant_in(found: VerifiedStatement) -> tuple[SignedGrant | None, str]:
    """The grant in a statement of its predicate type, whatever it says; or why it cannot be read."""
    try:
        grant = Grant.model_validate(found.statement.predicate)
    except ValidationError as error:
        return None, f"grant {found.bundle[7:19]} cannot be read: {problems_of(error)}"
    return SignedGrant(grant=grant, signer=found.signer, bundle=found.bundle), ""


def _contradiction(stored: StoredRelease, statement: Statement, grant: Grant, now: datetime) -> str:
    """The first thing in it that does not hold by itself; empty where all does."""
    release = stored.release
    section = release.manifest.environments.get(grant.environment)
    after = section.after if section else ()
    named = [link.environment for link in grant.upstream]
    wrong = {
        "it does not speak of this release": not statement.speaks_of(stored.digest),
        f"it names the release {grant.release}": grant.release != stored.digest,
        f"it names the service {grant.service}": grant.service != release.service,
        f"it names the commit {grant.commit}": grant.commit != release.commit.id,
        "the release's pratique.yaml knows no such environment": section is None,
        "its time has not come": grant.granted_at > now,
        "it follows grants of " + (", ".join(named) or "none") + ", not of " + (", ".join(after) or "none"): (
            grant.kind == "promote" and sorted(named) != sorted(after)
        ),
        "a promotion restores nothing": grant.kind == "promote" and grant.restores is not None,
        "a rollback restores an earlier grant, and follows no other": (
            grant.kind == "rollback" and (grant.restores is None or bool(named))
        ),
    }
    return next((problem for problem, is_wrong in wrong.items() if is_wrong), "")


def _broken(grant: Grant, counted: dict[Digest, SignedGrant]) -> str:
    """The first link that does not lead to a grant that counts and came before; empty where all do."""
    links = [(link.environment, link.grant) for link in grant.upstream]
    if grant.restores is not None:
        links.append((grant.environment, grant.restores))
    for environment, digest in links:
        earlier = counted.get(digest)
        if earlier is None:
            return f"it follows grant {digest[7:19]} of {environment}, which is not there or does not count"
        if earlier.grant.environment != environment:
            return f"it follows grant {digest[7:19]} as one of {environment}, and that is one of {earlier.grant.environment}"
        if earlier.grant.granted_at > grant.granted_at:
            return f"it follows grant {digest[7:19]} of {environment}, which is later than itself"
        if environment == grant.environment and earlier.grant.fence >= grant.fence:
            return f"it restores grant {digest[7:19]}, whose fence is not lower than its own"
    return ""


def _fault(signed: SignedGrant, problem: str) -> str:
    return f"grant {signed.bundle[7:19]} in {signed.grant.environment!r} does not count: {problem}"
