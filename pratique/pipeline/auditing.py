"""Audits: what the ledger says that an environment held, and the one proof of it, from everything that is in the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from pratique.bootstrap import Clients
from pratique.clients import releases
from pratique.clients.ports import Ledger, Registry
from pratique.clients.sigstore.gather import ruling_in
from pratique.decisions.auditing import Looked, audit_of
from pratique.decisions.chain import SignedGrant
from pratique.decisions.proving import grant_part, prove
from pratique.decisions.seen import Seen
from pratique.errors import Refused
from pratique.pipeline.cited import as_grant, cited, cited_grant
from pratique.pipeline.policies import modules_for
from pratique.pipeline.proving import REMEMBERED, look, trust_of
from pratique.pipeline.rulers import rulers
from pratique.pipeline.verification import judge_seen
from pratique.values.audit import Audit, Replaced
from pratique.values.digest import Digest
from pratique.values.environment import environment_of
from pratique.values.evidence import VerifiedStatement
from pratique.values.gate import Module
from pratique.values.grant import Grant
from pratique.values.promotion import Promotion
from pratique.values.proof import Part
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
        signed, unfit = self._evidence()
        stored = self._told(f"release {held.release}", lambda: releases.read(self._registry, held.service, held.release))
        found = None if stored is None else self._told("what is attached to it", partial(self._seen, stored))
        seen, modules = (None, ()) if found is None else found
        next_ = None if after is None else after.evidence
        return Looked(
            at=at,
            now=now,
            held=held,
            own=None if signed is None else self._own(signed.grant),
            after=after,
            grant=signed,
            unfit=unfit,
            part=None if signed is None or seen is None else self._part(seen, signed),
            proof=None if seen is None else prove(seen),
            following=None if next_ is None else self._told(f"what was granted next, {next_}", self._grant(next_)),
            replaced=None if signed is None else self._replaced(signed.grant.replaces),
            rulings=tuple((one, self._why_not_proved(one)) for one in known),
            revoked=() if seen is None else tuple(one for one in seen.rulings.counted if isinstance(one.ruling, Revoke)),
            against=() if seen is None else self._against(seen, modules),
            problems=tuple(self._problems),
        )

    def _evidence(self) -> tuple[SignedGrant | None, str]:
        """The grant that the ledger names, and why it is none of the release that the ledger says."""
        held = self._held
        if held.evidence is None:
            return None, ""
        try:
            trusted = self._clients.place(held.environment).trust
            found = cited(self._registry, self._verifier, held.service, held.evidence, trusted)
            signed = as_grant(found)
        except Refused as no:
            return None, str(no)
        return signed, "" if found.statement.speaks_of(held.release) else f"it does not speak of release {held.release}"

    def _seen(self, stored: StoredRelease) -> tuple[Seen, tuple[Module, ...]]:
        """Everything that the proof is made of, with what the ledger has on record of it, and the policies of today."""
        held, modules = self._held, modules_for(self._clients, stored)
        seen = look(self._registry, self._verifier, stored, trust_of(self._clients, stored, modules))
        with self._clients.ledger() as ledger:
            known = ledger.rulings(held.service, None, REMEMBERED)
        on_record = {
            "recorded": {} if held.evidence is None else {held.environment: held.evidence},
            "ruled": tuple(signed for signed in known if signed.ruling.release == stored.digest),
        }
        return seen.model_copy(update=on_record), modules

    def _part(self, seen: Seen, signed: SignedGrant) -> Part | None:
        """The grant and what it names; None where the release knows no such environment."""
        return self._told("what was granted", partial(grant_part, seen, signed))

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

    def _grant(self, bundle: Digest) -> Callable[[], SignedGrant]:
        held = self._held
        return lambda: cited_grant(
            self._registry, self._verifier, held.service, bundle, self._clients.place(held.environment).trust
        )

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

    def _why_not_proved(self, signed: SignedRuling) -> str:
        """Why the registry does not hold this very ruling, signed by whom the ledger says; empty where it does."""
        try:
            found = self._ruling(signed.bundle)
        except Refused as no:
            return str(no)
        statement, ruling = found.statement, signed.ruling
        is_the_same = (found.by, statement.predicate) == (signed.by, RULINGS.dump_python(ruling, mode="json"))
        return "" if is_the_same and statement.speaks_of(ruling.release) else "what was signed says something else"

    def _against(self, seen: Seen, modules: Sequence[Module]) -> tuple[str, ...]:
        """What the gates would say today to its being there."""
        try:
            environment = environment_of(seen.stored.release.manifest, self._held.environment)
            decision = judge_seen(self._clients, seen, environment, modules, purpose="reverify").decision
        except Refused as no:
            return no.reasons
        return (*decision.reasons, *(wait.reason for wait in decision.waits))
