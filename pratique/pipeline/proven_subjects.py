"""Proofs of what is not named as a release: of what an environment holds, and of an image."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pratique.bootstrap import Clients
from pratique.clients import releases
from pratique.decisions.gates import has_provenance, is_signed
from pratique.decisions.proven_places import place_proof
from pratique.decisions.proven_releases import artifact_part, situation_in
from pratique.decisions.seen import Seen
from pratique.errors import Refused
from pratique.pipeline.holds import holds_in
from pratique.pipeline.proving import look, prove_release, trust_of
from pratique.values.decision import all_of
from pratique.values.digest import Digest
from pratique.values.environment import environment_of
from pratique.values.proof import Part, Proof
from pratique.values.release import ReleasedImage, StoredRelease

REMEMBERED = 1000
"""So many releases of a service are looked through for an image, the newest."""

_DIGEST = re.compile(r"(?:^|@)(sha256:[0-9a-f]{64})$")


def prove_environment(clients: Clients, service: str, name: str) -> Proof:
    """The proof of what the ledger says the environment holds, compared with what runs there."""
    with clients.ledger() as ledger:
        held = ledger.granted(service, name)
    if held is None:
        raise Refused(f"{name!r} holds nothing of {service}, as far as the ledger knows: `pratique environments {service}`")
    with clients.registry() as registry:
        stored = releases.read(registry, service, held.release)
    proof = prove_release(clients, stored)
    with clients.workloads(environment_of(stored.release.manifest, name)) as workloads:
        state = workloads.look(service, name)
    return place_proof(proof, held, state, holds_in(clients, service, name))


def prove_image(clients: Clients, service: str, wanted: str) -> Proof:
    """The signature and the provenance of an image, by its name in the newest release or by its digest, and who names it."""
    with clients.ledger() as ledger:
        known = ledger.releases(service, limit=REMEMBERED)
        naming = _naming(known, service, wanted)
        held: dict[Digest, list[str]] = {one.digest: [] for one in naming}
        for place in {name for one in naming for name in one.release.manifest.environments}:
            promotion = ledger.granted(service, place)
            if promotion is not None and promotion.release in held:
                held[promotion.release].append(place)
    newest, image = naming[0], _image_in(naming[0], wanted)
    with clients.registry() as registry:
        seen = look(registry, clients.verifier(), newest, trust_of(clients))
    shown = artifact_part("image", str(image.reference), seen.of(image.reference))
    return Proof(
        service=service,
        release=newest.digest,
        commit=newest.release.commit.id,
        label=str(image.reference),
        parts=(
            shown.model_copy(update={"wrong": _wrong(seen, image)}),
            *(
                Part(
                    kind="release",
                    name=one.release.commit.short,
                    digest=one.digest,
                    at=one.release.commit.committed_at,
                    says=tuple(f"is in {place}" for place in sorted(held[one.digest])),
                )
                for one in naming
            ),
        ),
    )


def _wrong(seen: Seen, image: ReleasedImage) -> tuple[str, ...]:
    environment = next(iter(seen.stored.release.manifest.environments))
    situation = situation_in(seen, environment, seen.evidence)
    return all_of([is_signed(situation, image.reference), has_provenance(situation, image.reference)]).reasons


def _naming(known: Sequence[StoredRelease], service: str, wanted: str) -> list[StoredRelease]:
    """The releases that name the image, newest first; by a name alone, those that name what the newest one calls so."""
    if not known:
        raise Refused(f"no release of {service!r} is on record: `pratique deliver` makes one")
    digest = _digest(wanted)
    if digest is None:
        digest = _image_in(known[0], wanted).reference.digest
    found = [one for one in known if any(image.reference.digest == digest for image in one.release.images)]
    if not found:
        raise Refused(f"none of the {len(known)} newest releases of {service} names the image {digest}: it is from elsewhere")
    return found


def _image_in(stored: StoredRelease, wanted: str) -> ReleasedImage:
    digest = _digest(wanted)
    for image in stored.release.images:
        if wanted == image.name or image.reference.digest == digest:
            return image
    known = ", ".join(image.name for image in stored.release.images)
    raise Refused(f"{stored.label} has no image {wanted!r}, only {known}: name one of them, or one by its digest")


def _digest(wanted: str) -> Digest | None:
    found = _DIGEST.search(wanted)
    return found[1] if found else None
