"""The proof of a release: every signature, link, digest, order and time of it, from its commit to the last environment.

    proof = prove(seen)
    proof.problems

Nothing here asks the ledger or the clock; `seen` holds everything, so what a file holds is judged as what a registry holds.
"""

from __future__ import annotations

from pratique.decisions.chain import Chain
from pratique.decisions.evidence import Gathered
from pratique.decisions.gates import everything_has_provenance, everything_is_signed
from pratique.decisions.origin import comes_from_its_repository
from pratique.decisions.proven_grants import ProvenGrant, signer_name
from pratique.decisions.ruling_reasons import named_bundles
from pratique.decisions.seen import Seen
from pratique.decisions.situation import Situation
from pratique.values.decision import Decision, all_of
from pratique.values.digest import digest_of
from pratique.values.environment import environment_of
from pratique.values.evidence import PROVENANCE_PREDICATE, SIGNATURE_PREDICATE
from pratique.values.grant import GRANT_PREDICATE
from pratique.values.proof import Part, Proof
from pratique.values.ruling import RULING_PREDICATE, Hold, Lift, Revoke, SignedRuling

_OURS = (GRANT_PREDICATE, RULING_PREDICATE)
"""What only the pipeline and the people of the settings make: made by anybody else, it is meant to deceive."""


def prove(seen: Seen) -> Proof:
    """The whole proof, each part with what is missing or wrong."""
    release = seen.stored.release
    chains = {name: seen.chain_in(name) for name in release.manifest.environments}
    environments = [
        part for layer in release.manifest.generations for name in layer for part in [_environment(seen, name, chains[name])]
    ]
    return Proof(
        service=release.service,
        release=seen.stored.digest,
        commit=release.commit.id,
        label=seen.stored.label,
        parts=(
            _commit(seen),
            *(artifact_part("image", image.name, seen.of(image.reference)) for image in release.images),
            Part(
                kind="infrastructure",
                digest=release.infrastructure,
                wrong=(seen.infrastructure,) if seen.infrastructure else (),
            ),
            _release(seen, chains),
            *environments,
        ),
    )


def _commit(seen: Seen) -> Part:
    release, commit = seen.stored.release, seen.stored.release.commit
    return Part(
        kind="commit",
        name=commit.id,
        at=commit.committed_at,
        says=(commit.subject, f"by {commit.author}", f"of {commit.repository}"),
        wrong=comes_from_its_repository(release.service, commit.repository, seen.material.origins).reasons,
    )


def artifact_part(kind: str, name: str, gathered: Gathered) -> Part:
    """An image or a release: who signed it, and who says what it was made of."""
    digest = gathered.reference.digest
    speaking = [found for found in gathered.verified if found.statement.speaks_of(digest)]
    signed = [signer_name(found.signer) for found in speaking if found.statement.predicate_type == SIGNATURE_PREDICATE]
    made = [signer_name(found.signer) for found in speaking if found.statement.predicate_type == PROVENANCE_PREDICATE]
    says = [f"provenance by {one}" for one in dict.fromkeys(made)]
    return Part(kind=kind, name=name, digest=digest, by=tuple(dict.fromkeys(signed)), says=tuple(says))


def _release(seen: Seen, chains: dict[str, Chain]) -> Part:
    part = artifact_part("release", seen.stored.release.service, seen.of(seen.stored.reference))
    rulings = seen.rulings
    named = {bundle for chain in chains.values() for one in chain.history for bundle in named_bundles(one.grant)}
    others = [signed for signed in rulings.counted if signed.bundle not in named]
    claims = [one for one in seen.claimed if one.predicate_type in _OURS or not one.predicate_type]
    wrong = [
        *_floor(seen, chains),
        *(fault for fault in seen.chain.faults if not any(f" {name!r} " in fault for name in chains)),
        *rulings.faults,
        *_unattached(seen),
        *(f"the bundle {one.bundle[7:19]} says it is {one.predicate_type or 'something'}: {one.why}" for one in claims),
    ]
    ignored = [one for one in seen.claimed if one not in claims]
    says = [*part.says, *(f"not counted: {one.predicate_type} {one.bundle[7:19]}: {one.why}" for one in ignored)]
    parts = tuple(_ruling(signed, others) for signed in others)
    return part.model_copy(update={"wrong": tuple(wrong), "says": tuple(says), "parts": parts})


def _unattached(seen: Seen) -> list[str]:
    """What people and the pipeline have decided as the ledger has it, and no signature proves any more."""
    proved = {signed.bundle for signed in seen.rulings.counted}
    return [
        f"the ledger has on record that {signed.by or 'the pipeline'} signed a ruling to {signed.ruling.kind} it, "
        f"{signed.bundle[7:19]}, which is not attached or does not count"
        for signed in seen.ruled
        if signed.bundle not in proved
    ]


def _floor(seen: Seen, chains: dict[str, Chain]) -> tuple[str, ...]:
    """Whether everything is signed and has provenance: by anybody, and where it was let in by those who count there."""
    found = _signed(seen, next(iter(chains)), seen.evidence)
    if not found.allowed:
        return found.reasons
    let_in = [name for name, chain in chains.items() if name in chain.by_environment]
    return all_of([found, *(_signed(seen, name, seen.attached_in(name)) for name in let_in)]).reasons


def _signed(seen: Seen, environment: str, evidence: tuple[Gathered, ...]) -> Decision:
    situation = situation_in(seen, environment, evidence)
    return all_of([everything_is_signed(situation), everything_has_provenance(situation)])


def situation_in(seen: Seen, environment: str, evidence: tuple[Gathered, ...]) -> Situation:
    """What the gates on signatures and provenance are asked about."""
    return Situation(
        stored=seen.stored,
        environment=environment_of(seen.stored.release.manifest, environment),
        origins=seen.material.origins,
        trusted=seen.place(environment).trust,
        evidence=evidence,
        policy=digest_of(b""),
        now=seen.now,
    )


def _ruling(signed: SignedRuling, others: list[SignedRuling]) -> Part:
    ruling = signed.ruling
    by = signed.by or "the pipeline"
    is_over = isinstance(ruling, Hold) and any(
        isinstance(one.ruling, Lift) and one.ruling.hold == signed.bundle for one in others
    )
    says = [ruling.reason] if ruling.reason else []
    says += ["lifted since"] if is_over else []
    where = "" if isinstance(ruling, Revoke) else f" in {ruling.environment}"
    when = f"{ruling.made_at:%Y-%m-%d %H:%M} UTC"
    wrong = [f"it was revoked by {by} at {when}: {ruling.reason}"] if isinstance(ruling, Revoke) else []
    return Part(
        kind="ruling",
        name=f"{ruling.kind}{where}",
        digest=signed.bundle,
        by=(f"{by} ({signer_name(signed.signer)})",),
        at=ruling.made_at,
        says=tuple(says),
        wrong=tuple(wrong),
    )


def _environment(seen: Seen, name: str, chain: Chain) -> Part:
    faults = [fault for fault in (*chain.faults, *seen.chain.faults) if f" {name!r} " in fault]
    faults += _unknown(seen, name)
    faults += _off_the_record(seen, name, chain)
    here = sorted((one for one in chain.history if one.grant.environment == name), key=lambda one: -one.grant.fence)
    if not here:
        return Part(kind="environment", name=name, says=("has not granted it",), wrong=tuple(dict.fromkeys(faults)))
    newest, *earlier = [ProvenGrant(seen, one).part("earlier" if number else "environment") for number, one in enumerate(here)]
    wrong = tuple(dict.fromkeys((*faults, *newest.wrong)))
    return newest.model_copy(update={"wrong": wrong, "parts": (*newest.parts, *earlier)})


def _unknown(seen: Seen, name: str) -> list[str]:
    """What is wrong where somebody granted it in an environment that the settings do not know."""
    if name in seen.material.environments or name not in seen.chain.by_environment:
        return []
    return [f"{name!r} has granted it, and the settings do not know whom {name!r} trusts: add environments.{name}.trust"]


def _off_the_record(seen: Seen, name: str, chain: Chain) -> list[str]:
    """What the ledger has on record and no statement proves."""
    recorded = (seen.recorded or {}).get(name)
    if recorded is None or any(one.bundle == recorded for one in chain.history):
        return []
    return [f"the ledger says that {name!r} has granted it by grant {recorded[7:19]}, which is not attached or does not count"]
