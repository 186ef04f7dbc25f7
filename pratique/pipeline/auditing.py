"""Audits: what the ledger says that an environment held, and everything in the registry that proves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from pratique.bootstrap import Clients
from pratique.clients import releases
from pratique.clients.ports import Ledger, Registry
from pratique.clients.sigstore.gather import gather_one, ruling_in
from pratique.decisions.auditing import Looked, audit_of
from pratique.decisions.chain import Chain, SignedGrant, chain_of
from pratique.decisions.citing import Kind, Read
from pratique.decisions.evidence import Gathered
from pratique.decisions.rulings import rulings_of
from pratique.errors import Refused
from pratique.pipeline.cited import as_grant, cited, cited_grant
from pratique.pipeline.rulers import rulers
from pratique.pipeline.verification import judge
from pratique.values.audit import Audit, Replaced
from pratique.values.digest import Digest
from pratique.values.environment import environment_of
from pratique.values.evidence import VerifiedStatement
from pratique.values.grant import Grant
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease, release_repository
from pratique.values.ruling import RULINGS, Revoke, SignedRuling

T = TypeVar("T")

MOST_RULINGS = 1000
"""Holds, lifts and revocations until the end of the time asked for that are looked at, the newest."""


def audit(clients: Clients, service: str, environment: str, at: datetime | None) -> Audit | None:
    """What was there at that time, or is now; None where nothing was."""
    now = datetime.now(UTC)
    with clients.ledger() as ledger:
        _require_known(ledger, service, environment)
        # Now is what the environment holds, whatever the clocks of this machine and of the workers say.
        held = ledger.granted(service, environment) if at is None else ledger.granted_at(service, environment, at)
        if held is None:
            return None
        after = ledger.granted_after(held)
        until = now if after is None else after.finished_at
        known = ledger.rulings(service, environment, MOST_RULINGS, kinds=("hold", "lift", "revoke"), until=until)
    with clients.registry() as registry:
        return audit_of(_Audited(clients, registry, held).looked(at or now, now, after, known))


def _require_known(ledger: Ledger, service: str, environment: str) -> None:
    places = [place for name, place in ledger.environments(service) if name == service]
    if environment not in places:
        known = ", ".join(places) or "none"
        raise Refused(f"nothing of {service!r} was ever promoted into {environment!r}: its environments on record are {known}")


class _Audited:
    """What an environment held, looked up; whatever is refused on the way is told instead."""

    def __init__(self, clients: Clients, registry: Registry, held: Promotion) -> None:
        self._clients, self._registry, self._held = clients, registry, held
        self._verifier, self._rulers = clients.verifier(), rulers(clients)
        self._problems: list[str] = []

    def looked(self, at: datetime, now: datetime, after: Promotion | None, known: Sequence[SignedRuling]) -> Looked:
        held = self._held
        stored = self._told(f"release {held.release}", lambda: releases.read(self._registry, held.service, held.release))
        read = None if held.evidence is None else self._read("grant", held.evidence, self._trusted(held.evidence))
        found = None if read is None else read.found
        signed = None if found is None else self._told("what was granted", partial(as_grant, found))
        chain, revoked = (None, ()) if stored is None else self._attached(stored, now)
        next_ = None if after is None else after.evidence
        return Looked(
            at=at,
            now=now,
            held=held,
            own=None if signed is None else self._own(signed.grant),
            after=after,
            grant=signed,
            chain=chain,
            following=None if next_ is None else self._told(f"what was granted next, {next_}", self._grant(next_)),
            cited=(*(() if read is None else (read,)), *(() if signed is None else self._cited(signed.grant))),
            replaced=None if signed is None else self._replaced(signed.grant.replaces),
            rulings=tuple((one, self._why_not_proved(one)) for one in known),
            revoked=revoked,
            against=() if stored is None else self._against(stored),
            problems=tuple(self._problems),
        )

    def _told(self, what: str, ask: Callable[[], T]) -> T | None:
        """The answer, or None and a problem on record."""
        try:
            return ask()
        except Refused as no:
            self._problems.append(f"{what} cannot be read: {no}")
            return None

    def _own(self, grant: Grant) -> Promotion | None:
        if grant.promotion == self._held.id:
            return self._held
        with self._clients.ledger() as ledger:
            try:
                return ledger.promotion(grant.promotion)
            except Refused:
                return None

    def _trusted(self, bundle: Digest) -> Callable[[], VerifiedStatement]:
        held = self._held
        return lambda: cited(self._registry, self._verifier, held.service, bundle, self._clients.place(held.environment).trust)

    def _grant(self, bundle: Digest) -> Callable[[], SignedGrant]:
        held = self._held
        return lambda: cited_grant(
            self._registry, self._verifier, held.service, bundle, self._clients.place(held.environment).trust
        )

    def _read(self, kind: Kind, bundle: Digest, ask: Callable[[], VerifiedStatement]) -> Read:
        try:
            return Read(kind=kind, bundle=bundle, found=ask())
        except Refused as no:
            return Read(kind=kind, bundle=bundle, problem=str(no))

    def _cited(self, grant: Grant) -> Iterator[Read]:
        """Everything that the grant names besides other grants."""
        beside: tuple[tuple[Kind, Digest | None], ...] = (("verdict", grant.verdict), ("results", grant.results))
        for kind, bundle in beside:
            if bundle is not None:
                yield self._read(kind, bundle, self._trusted(bundle))
        for approval in grant.approvals:
            yield self._read("approval", approval.bundle, partial(self._ruling, approval.bundle))
        for exception in grant.exceptions:
            yield self._read("exception", exception, partial(self._ruling, exception))

    def _ruling(self, bundle: Digest) -> VerifiedStatement:
        content = self._registry.blob(release_repository(self._held.service), bundle)
        found = ruling_in(self._verifier, content, self._rulers)
        if found is None:
            raise Refused("it is no ruling of anybody of the settings: were they taken out, or is their key another one?")
        return found

    def _replaced(self, bundle: Digest | None) -> Replaced | None:
        if bundle is None:
            return None
        try:
            grant = self._grant(bundle)().grant
        except Refused as no:
            return Replaced(grant=bundle, problem=str(no))
        return Replaced(grant=bundle, release=grant.release, commit=grant.commit, granted_at=grant.granted_at)

    def _attached(self, stored: StoredRelease, now: datetime) -> tuple[Chain | None, tuple[SignedRuling, ...]]:
        """The release's chain as the environment's trust has it, and what revokes the release."""

        def gathered() -> Gathered:
            trusted = self._clients.place(self._held.environment).trust
            return gather_one(self._registry, self._verifier, stored.reference, trusted, self._rulers)

        found = self._told(f"what is attached to {stored.reference}", gathered)
        if found is None:
            return None, ()
        counted = rulings_of(stored, found, now).counted
        return chain_of(stored, found, now), tuple(one for one in counted if isinstance(one.ruling, Revoke))

    def _why_not_proved(self, signed: SignedRuling) -> str:
        """Why the registry does not hold this very ruling, signed by whom the ledger says; empty where it does."""
        try:
            found = self._ruling(signed.bundle)
        except Refused as no:
            return str(no)
        statement, ruling = found.statement, signed.ruling
        is_the_same = (found.by, statement.predicate) == (signed.by, RULINGS.dump_python(ruling, mode="json"))
        return "" if is_the_same and statement.speaks_of(ruling.release) else "what was signed says something else"

    def _against(self, stored: StoredRelease) -> tuple[str, ...]:
        """What the gates would say today to its being there."""
        try:
            environment = environment_of(stored.release.manifest, self._held.environment)
            decision = judge(self._clients, stored, environment, purpose="reverify").decision
        except Refused as no:
            return no.reasons
        return (*decision.reasons, *(wait.reason for wait in decision.waits))
