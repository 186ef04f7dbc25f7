"""What no policy can loosen: where a release is from, who signed it, and what it was made of.

    decide_floor(situation)

The gates stand in the order in which `decide_floor` asks them, and so do their cases in `tests/cases/gates.json`.
A gate that finds nothing to look at says no. Everything else that is asked of a release is decided by the policies in
`policies/`, which can only refuse more than this does.
"""

from __future__ import annotations

from pratique.decisions.bill_of_materials import bill_of
from pratique.decisions.origin import comes_from_its_repository
from pratique.decisions.provenance_reasons import provenance_reasons, release_provenance_reasons
from pratique.decisions.situation import Situation
from pratique.values.decision import Decision, all_of
from pratique.values.environment import environment_of
from pratique.values.evidence import PROVENANCE_PREDICATE
from pratique.values.references import ImageReference


def decide_floor(situation: Situation) -> Decision:
    """Whether the release may be spoken of there at all, with every reason why not."""
    return all_of(
        [
            environment_is_known(situation),
            service_is_from_its_repository(situation),
            somebody_is_trusted(situation),
            everything_is_signed(situation),
            everything_has_provenance(situation),
        ]
    )


def environment_is_known(situation: Situation) -> Decision:
    """The environment is one of the release's own manifest, as that manifest describes it."""
    name, manifest = situation.environment.name, situation.stored.release.manifest
    if name not in manifest.environments:
        known = ", ".join(manifest.environments)
        return _no(f"{situation.stored.label} has no environment {name!r}: its pratique.yaml knows {known}")
    if situation.environment != environment_of(manifest, name):
        return _no(f"environment {name!r} is not as the pratique.yaml of {situation.stored.label} has it: read it afresh")
    return Decision()


def service_is_from_its_repository(situation: Situation) -> Decision:
    """The commit's repository is the one that the operator lists for the service."""
    release = situation.stored.release
    return comes_from_its_repository(release.service, release.commit.repository, situation.origins)


def somebody_is_trusted(situation: Situation) -> Decision:
    """The operator trusts at least one signer there."""
    name = situation.environment.name
    if not situation.trusted:
        return _no(f"environment {name!r} trusts nobody: name a signer under environments.{name}.trust in the settings")
    return Decision()


def everything_is_signed(situation: Situation) -> Decision:
    """A trusted signer signed the release, and each image of it."""
    return all_of([is_signed(situation, reference) for reference in _release_and_images(situation)])


def everything_has_provenance(situation: Situation) -> Decision:
    """A trusted signer states that the release, and each image of it, was made of the release's commit."""
    return all_of([has_provenance(situation, reference) for reference in _release_and_images(situation)])


def every_image_has_a_bill(situation: Situation) -> Decision:
    """A trusted signer states what is in each image of the release."""
    missing = []
    for image in situation.stored.release.images:
        bill = bill_of(situation.evidence_of(image.reference))
        if not bill.documents:
            why = f": {'; '.join(bill.faults)}" if bill.faults else ""
            remedy = "prepare its release again from its commit"
            missing.append(f"{image.reference} has no bill of materials by anyone trusted{why} ({remedy})")
    return Decision(reasons=tuple(missing))


def _release_and_images(situation: Situation) -> list[ImageReference]:
    stored = situation.stored
    return [stored.reference, *(image.reference for image in stored.release.images)]


def is_signed(situation: Situation, reference: ImageReference) -> Decision:
    """A trusted signer signed this."""
    evidence = situation.evidence_of(reference)
    if evidence.is_signed:
        return Decision()
    return _no(
        f"{reference} is not signed by anyone whom {situation.environment.name!r} trusts: {evidence.why_not_signed()}"
        " (sign it by preparing its release again, or trust its signer)"
    )


def has_provenance(situation: Situation, reference: ImageReference) -> Decision:
    """A trusted signer states that this was made of the release's commit."""
    stored = situation.stored
    remedy = "prepare the release again from its commit"
    verdicts = [
        release_provenance_reasons(statement, stored)
        if reference == stored.reference
        else provenance_reasons(statement, reference, stored.release.commit)
        for statement in situation.evidence_of(reference).statements(PROVENANCE_PREDICATE)
    ]
    if not verdicts:
        return _no(f"{reference} has no provenance by anyone whom {situation.environment.name!r} trusts: {remedy}")
    # The same image may have been built from several commits, each build with its provenance: one that fits is enough.
    if any(not reasons for reasons in verdicts):
        return Decision()
    return Decision(
        reasons=tuple(f"the provenance of {reference}: {reason} ({remedy})" for reasons in verdicts for reason in reasons)
    )


def _no(reason: str) -> Decision:
    return Decision(reasons=(reason,))
