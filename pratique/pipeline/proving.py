"""Proofs: everything about a release is read, from a registry or from a file, and judged."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import ValidationError

from pratique.bootstrap import Clients
from pratique.clients import releases
from pratique.clients.ports import EvidenceVerifier, RegistryReading, StoredManifest
from pratique.clients.sigstore.gather import Rulers, gather
from pratique.clients.sigstore.remembering import RememberingVerifier
from pratique.decisions.evidence import Gathered
from pratique.decisions.proving import prove
from pratique.decisions.seen import Claimed, Replaced, Seen
from pratique.errors import Refused
from pratique.pipeline.content import gone_images
from pratique.pipeline.policies import modules_for, policy_in
from pratique.values.digest import Digest, digest_of
from pratique.values.environment import environment_of
from pratique.values.gate import Module
from pratique.values.grant import GRANT_PREDICATE, Grant
from pratique.values.proof import Proof
from pratique.values.release import StoredRelease, release_repository
from pratique.values.trust import Trusted
from pratique.values.trust_material import PlaceTrust, TrustMaterial

REMEMBERED = 1000
"""So many rulings about a service are looked at, the newest."""


def prove_release(clients: Clients, stored: StoredRelease) -> Proof:
    """The proof of a release, by whom the settings trust, compared with what the ledger has on record."""
    recorded = recorded_grants(clients, stored, stored.release.manifest.environments)
    with clients.ledger() as ledger:
        known = ledger.rulings(stored.release.service, None, REMEMBERED)
    with clients.registry() as registry:
        seen = look(registry, clients.verifier(), stored, trust_of(clients, stored))
        gone = gone_images(registry, stored)
    ruled = tuple(signed for signed in known if signed.ruling.release == stored.digest)
    return prove(seen.model_copy(update={"recorded": recorded, "ruled": ruled, "gone": gone}))


def trust_of(clients: Clients, stored: StoredRelease | None = None, modules: Sequence[Module] | None = None) -> TrustMaterial:
    """Whom the settings trust, for what; and what they ask of the release now, where one is given.

    `modules` are those that say something about it, where they have been read before.
    """
    places = {
        name: PlaceTrust(trust=place.trust, gates=place.gates, after=place.after, exceptions=place.exceptions)
        for name, place in clients.settings.environments.items()
    }
    if stored is not None:
        manifest = stored.release.manifest
        modules = modules_for(clients, stored) if modules is None else modules
        for name in places.keys() & manifest.environments.keys():
            policy = policy_in(clients, environment_of(manifest, name), modules)
            places[name] = places[name].model_copy(update={"policy": policy})
    return TrustMaterial(environments=places, people=clients.people, origins=clients.origins)


def look(
    registry: RegistryReading,
    verifier: EvidenceVerifier,
    stored: StoredRelease,
    material: TrustMaterial,
    *,
    infrastructure: bool = True,
) -> Seen:
    """What is attached to the release and its images, and which of it counts where.

    Without `infrastructure` the bundle is taken to be there: to read it is worth nothing to who only asks about grants.
    """
    once, remembering = _ReadOnce(registry), RememberingVerifier(verifier)
    rulers = Rulers(pipelines=material.signers, people=material.people)
    known: dict[tuple[Trusted, ...], tuple[Gathered, ...]] = {}
    for trusted in (material.signers, *(place.trust for place in material.environments.values())):
        if trusted not in known:
            known[trusted] = gather(once, remembering, stored, trusted, rulers)
    # What people have decided about a release does not depend on whom an environment trusts for evidence.
    ruled = {"ruled": known[material.signers][0].ruled}
    by_environment = {
        name: (known[place.trust][0].model_copy(update=ruled), *known[place.trust][1:])
        for name, place in material.environments.items()
    }
    return Seen(
        stored=stored,
        material=material,
        now=datetime.now(UTC),
        evidence=known[material.signers],
        by_environment=by_environment,
        infrastructure=_infrastructure(registry, stored) if infrastructure else "",
        claimed=_claimed(once, remembering, stored, material, known[material.signers][0]),
        replaced={
            name: {
                digest: _replaced(once, remembering, stored, digest, place.trust)
                for digest in _named(by_environment[name][0], name)
            }
            for name, place in material.environments.items()
        },
    )


class _ReadOnce:
    """`RegistryReading` that lists what is attached to something once, for all environments."""

    def __init__(self, registry: RegistryReading) -> None:
        self._registry = registry
        self._bundles: dict[tuple[str, Digest], tuple[bytes, ...]] = {}

    def manifest(self, repository: str, digest: Digest) -> StoredManifest | None:
        return self._registry.manifest(repository, digest)

    def blob(self, repository: str, digest: Digest) -> bytes:
        return self._registry.blob(repository, digest)

    def bundles(self, repository: str, subject: Digest) -> tuple[bytes, ...]:
        key = (repository, subject)
        if key not in self._bundles:
            # The order in which evidence came is nobody's.
            self._bundles[key] = tuple(sorted(self._registry.bundles(repository, subject), key=digest_of))
        return self._bundles[key]


def recorded_grants(clients: Clients, stored: StoredRelease, environments: Iterable[str]) -> dict[str, Digest]:
    """The bundle of the release's newest grant in each of these environments, as the ledger has it."""
    found: dict[str, Digest] = {}
    with clients.ledger() as ledger:
        for name in environments:
            promotion = ledger.grant_of(stored.release.service, name, stored.digest)
            if promotion is not None and promotion.evidence is not None:
                found[name] = promotion.evidence
    return found


def _infrastructure(registry: RegistryReading, stored: StoredRelease) -> str:
    """Why its infrastructure bundle cannot be had; empty where it can."""
    try:
        releases.infrastructure(registry, stored)
    except Refused as no:
        return str(no)
    return ""


def _claimed(
    registry: RegistryReading, verifier: EvidenceVerifier, stored: StoredRelease, material: TrustMaterial, gathered: Gathered
) -> tuple[Claimed, ...]:
    """What is attached to the release, and neither verified nor a ruling."""
    counted = {found.bundle for found in (*gathered.verified, *gathered.ruled)}
    everybody = (*material.signers, *material.people.trusted)
    claimed: list[Claimed] = []
    for bundle in registry.bundles(stored.reference.repository, stored.digest):
        if digest_of(bundle) in counted:
            continue
        try:
            verifier.verify(bundle, everybody)
            why = "a person signed it, and of people's words only rulings count"
        except Refused as no:
            why = str(no)
        claimed.append(Claimed(bundle=digest_of(bundle), predicate_type=claimed_type(bundle), why=why))
    return tuple(claimed)


def claimed_type(bundle: bytes) -> str:
    """The predicate type that a bundle says it carries, whoever signed it; empty where it cannot be read."""
    payload = _payload(bundle)
    found = payload.get("predicateType") if payload is not None else None
    return found if isinstance(found, str) else ""


def claimed_grant(bundle: bytes) -> Grant | None:
    """The grant that a bundle says it carries, whoever signed it."""
    payload = _payload(bundle)
    if payload is None or payload.get("predicateType") != GRANT_PREDICATE:
        return None
    try:
        return Grant.model_validate(payload.get("predicate"))
    except ValidationError:
        return None


def _payload(bundle: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]))
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        return None
    return found if isinstance(found, dict) else None


def _named(gathered: Gathered, environment: str) -> set[Digest]:
    """The grants that verified ones of the environment say they replaced."""
    named: set[Digest] = set()
    for statement in gathered.statements(GRANT_PREDICATE):
        with suppress(ValidationError):
            grant = Grant.model_validate(statement.predicate)
            if grant.environment == environment and grant.replaces is not None:
                named.add(grant.replaces)
    return named


def _replaced(
    registry: RegistryReading, verifier: EvidenceVerifier, stored: StoredRelease, digest: Digest, trusted: Sequence[Trusted]
) -> Replaced:
    repository = release_repository(stored.release.service)
    try:
        return Replaced(found=verifier.verify(registry.blob(repository, digest), trusted))
    except Refused as no:
        return Replaced(why=str(no))
