"""A release, whatever was granted: where it is from, who signed it, what it was made of, and what people have ruled.

The numbers are those of the rules in `pratique.decisions.proving`.
"""

from __future__ import annotations

from pratique.decisions.chain import Chain
from pratique.decisions.evidence import Gathered
from pratique.decisions.gates import everything_is_signed, has_provenance
from pratique.decisions.origin import comes_from_its_repository
from pratique.decisions.proven_grants import named_bundles, signer_name
from pratique.decisions.seen import Seen
from pratique.decisions.situation import Situation
from pratique.values.digest import digest_of
from pratique.values.environment import environment_of
from pratique.values.evidence import PROVENANCE_PREDICATE, SIGNATURE_PREDICATE
from pratique.values.grant import GRANT_PREDICATE
from pratique.values.proof import Part
from pratique.values.release import ReleasedImage
from pratique.values.ruling import RULING_PREDICATE, Hold, Lift, Revoke, SignedRuling

_OURS = (GRANT_PREDICATE, RULING_PREDICATE)
"""What only the pipeline and the people of the settings make: made by anybody else, it is meant to deceive."""


def commit_part(seen: Seen) -> Part:
    """The commit that it was made of."""
    release, commit = seen.stored.release, seen.stored.release.commit
    return Part(
        kind="commit",
        name=commit.id,
        at=commit.committed_at,
        says=(commit.subject, f"by {commit.author}", f"of {commit.repository}"),
        # 1
        wrong=comes_from_its_repository(release.service, commit.repository, seen.material.origins).reasons,
    )


def image_part(seen: Seen, image: ReleasedImage) -> Part:
    """An image, and whether it can still be pulled."""
    gone = seen.gone.get(image.reference.digest)
    part = artifact_part("image", image.name, seen.of(image.reference))
    return part.model_copy(update={"missing": (gone,)}) if gone else part  # 2


def artifact_part(kind: str, name: str, gathered: Gathered) -> Part:
    """An image or a release: who signed it, and who says what it was made of."""
    digest = gathered.reference.digest
    speaking = [found for found in gathered.verified if found.statement.speaks_of(digest)]
    signed = [signer_name(found.signer) for found in speaking if found.statement.predicate_type == SIGNATURE_PREDICATE]
    made = [signer_name(found.signer) for found in speaking if found.statement.predicate_type == PROVENANCE_PREDICATE]
    says = [f"provenance by {one}" for one in dict.fromkeys(made)]
    return Part(kind=kind, name=name, digest=digest, by=tuple(dict.fromkeys(signed)), says=tuple(says))


def release_part(seen: Seen, chains: dict[str, Chain]) -> Part:
    """The release, with what has been ruled about it below it."""
    part = artifact_part("release", seen.stored.release.service, seen.of(seen.stored.reference))
    rulings = seen.rulings
    named = {bundle for chain in chains.values() for one in chain.history for bundle in named_bundles(one.grant)}
    others = [signed for signed in rulings.counted if signed.bundle not in named]
    claims = [one for one in seen.claimed if one.predicate_type in _OURS or not one.predicate_type]
    wrong, missing = _floor(seen, chains)  # 3, 4
    wrong += [
        *(f"the bundle {one.bundle[7:19]} says it is {one.predicate_type or 'something'}: {one.why}" for one in claims),  # 5
        *rulings.faults,  # 6
        *(fault for fault in seen.chain.faults if not any(f" {name!r} " in fault for name in chains)),  # 8
    ]
    ignored = [one for one in seen.claimed if one not in claims]
    says = [*part.says, *(f"not counted: {one.predicate_type} {one.bundle[7:19]}: {one.why}" for one in ignored)]
    parts = tuple(_ruling(signed, others) for signed in others)  # 7
    return part.model_copy(update={"wrong": tuple(wrong), "missing": tuple(missing), "says": tuple(says), "parts": parts})


def _floor(seen: Seen, chains: dict[str, Chain]) -> tuple[list[str], list[str]]:
    """What is wrong with signatures and provenance, and what is missing: by anybody, and where it was let in by who counts."""
    found = _floor_in(seen, next(iter(chains)), seen.evidence)
    if any(found):
        return found
    let_in = [_floor_in(seen, name, seen.attached_in(name)) for name, chain in chains.items() if name in chain.by_environment]
    return [one for wrong, _ in let_in for one in wrong], [one for _, missing in let_in for one in missing]


def _floor_in(seen: Seen, environment: str, evidence: tuple[Gathered, ...]) -> tuple[list[str], list[str]]:
    situation = situation_in(seen, environment, evidence)
    wrong: list[str] = []
    missing = list(everything_is_signed(situation).reasons)  # 3
    for reference in (seen.stored.reference, *(image.reference for image in seen.stored.release.images)):
        is_there = situation.evidence_of(reference).statements(PROVENANCE_PREDICATE)
        (wrong if is_there else missing).extend(has_provenance(situation, reference).reasons)  # 4
    return wrong, missing


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
