"""The chain of a release: its grants, each linked by digest to those that it follows, read from signed statements alone.

    chain = chain_of(stored, gathered, now)
    chain.by_environment["staging"]

Nothing here asks the ledger. Only statements whose signature was verified come in, and a grant counts in an environment
when everything it says of itself holds and every grant that it follows counts as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from pydantic import ValidationError

from pratique.decisions.dsse import problems_of
from pratique.decisions.evidence import Gathered
from pratique.values._base import Value
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

    counted: tuple[SignedGrant, ...] = ()
    """The newest that counts of each environment, by their time."""
    history: tuple[SignedGrant, ...] = ()
    """Every one that counts, older ones too, by their time."""
    faults: tuple[str, ...] = ()
    """Of each grant that does not count: which one, and the first thing that is wrong with it."""
    absent: tuple[str, ...] = ()
    """Those of `faults` that say only that something is not there, which may have been taken away."""

    @cached_property
    def by_environment(self) -> dict[str, SignedGrant]:
        return {signed.grant.environment: signed for signed in self.counted}

    def links_to(self, environments: Iterable[str]) -> dict[str, Digest]:
        """The grants to name as followed, by environment; only those that count."""
        return {name: self.by_environment[name].bundle for name in environments if name in self.by_environment}

    def without(self, faults: Mapping[Digest, str], absent: Collection[Digest] = ()) -> Chain:
        """The chain without grants that something else speaks against, by their bundles, and without those that follow them."""
        pending = {one.bundle: one for one in self.history if one.bundle not in faults}
        told = [(one, faults[one.bundle]) for one in self.history if one.bundle in faults]
        found = _chain(pending, told, {one.bundle for one in self.history}, set(absent))
        faults_, absent_ = (*self.faults, *found.faults), (*self.absent, *found.absent)
        return found.model_copy(update={"faults": faults_, "absent": absent_})

    def on_record(self, recorded: Mapping[str, Digest]) -> Chain:
        """The chain in which of these environments the grant on record counts, or none."""
        known = {(one.grant.environment, one.bundle): one for one in self.history}
        counted = [one for one in self.counted if one.grant.environment not in recorded]
        counted += [known[place] for place in recorded.items() if place in known]
        return self.model_copy(update={"counted": tuple(sorted(counted, key=_time))})


def unproven(environment: str, bundle: Digest) -> str:
    """What is to be said of a grant that is on record, and that nothing proves."""
    return (
        f"the ledger says that {environment!r} has granted it by grant {bundle[7:19]}, which is not attached or does not count"
    )


def grant_statement(stored: StoredRelease, grant: Grant) -> Statement:
    """The statement that is signed: the release as its subject, the grant as its predicate."""
    predicate = grant.model_dump(mode="json")
    return statement_about(stored.reference.repository, stored.digest, GRANT_PREDICATE, predicate)


def chain_of(stored: StoredRelease, gathered: Gathered, now: datetime) -> Chain:
    """The release's chain, from what is attached to the release and was verified."""
    pending: dict[Digest, SignedGrant] = {}
    unread: list[str] = []
    contradicted: list[tuple[SignedGrant, str]] = []
    for found in gathered.verified:
        if found.statement.predicate_type != GRANT_PREDICATE:
            continue
        signed, problem = grant_in(found)
        if signed is None:
            unread.append(problem)
        elif problem := _contradiction(stored, found.statement, signed.grant, now):
            contradicted.append((signed, problem))
        else:
            pending[signed.bundle] = signed
    there = {found.bundle for found in gathered.verified}
    chain = _chain(pending, contradicted, there, set())
    return chain.model_copy(update={"faults": (*unread, *chain.faults)})


def links_of(grant: Grant) -> tuple[tuple[str, Digest], ...]:
    """The grants that it follows, with the environment that each has to be of: upstream, or the one that it restores."""
    links = tuple((link.environment, link.grant) for link in grant.upstream)
    return links if grant.restores is None else (*links, (grant.environment, grant.restores))


def _counted(pending: Mapping[Digest, SignedGrant]) -> dict[Digest, SignedGrant]:
    """Those whose links lead to others that count: added until no more can be, so a circle of links never counts."""
    counted: dict[Digest, SignedGrant] = {}
    while True:
        added = {name: one for name, one in pending.items() if name not in counted and not _broken(one.grant, counted)}
        if not added:
            return counted
        counted |= added


def _chain(
    pending: Mapping[Digest, SignedGrant],
    against: Sequence[tuple[SignedGrant, str]],
    there: Collection[Digest],
    lost: set[Digest],
) -> Chain:
    """The chain of what is pending.

    `against` are other grants and what is wrong with each, `lost` those of them that miss something, `there` everything.
    """
    counted = _counted(pending)
    broken = [(one, _broken(one.grant, counted)) for name, one in pending.items() if name not in counted]
    lost = set(lost)
    while more := {one.bundle for one, _ in broken if one.bundle not in lost and _is_gap(one.grant, counted, there, lost)}:
        lost |= more
    faults = [(one.bundle, _fault(one, problem)) for one, problem in (*against, *broken)]
    # The fence orders grants of one environment, for clocks of two workers may differ.
    newest = {one.grant.environment: one for one in sorted(counted.values(), key=lambda one: one.grant.fence)}
    return Chain(
        counted=tuple(sorted(newest.values(), key=_time)),
        history=tuple(sorted(counted.values(), key=_time)),
        faults=tuple(fault for _, fault in faults),
        absent=tuple(fault for bundle, fault in faults if bundle in lost),
    )


def _is_gap(grant: Grant, counted: Mapping[Digest, SignedGrant], there: Collection[Digest], lost: set[Digest]) -> bool:
    """Whether the first link that does not lead to a grant that counts leads to nothing, or to one that misses something."""
    first = next((digest for _, digest in links_of(grant) if digest not in counted), None)
    return first is not None and (first not in there or first in lost)


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


def _broken(grant: Grant, counted: Mapping[Digest, SignedGrant]) -> str:
    """The first link that does not lead to a grant that counts and came before; empty where all do."""
    for environment, digest in links_of(grant):
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
