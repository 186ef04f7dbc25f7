"""The verdict of a promotion: every gate, every reason, no short cut.

    decide_promotion(situation).require()

The gates stand in the order in which `decide_promotion` asks them, and so do their cases in `tests/cases/gates.json`.
A gate that finds nothing to look at says no. One that has nothing against it but the time says that it has to wait.
"""

from __future__ import annotations

from pydantic import AwareDatetime

from pratique.decisions.bill_of_materials import bill_of
from pratique.decisions.chain import Chain, chain_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.origin import comes_from_its_repository
from pratique.decisions.provenance_reasons import provenance_reasons, release_provenance_reasons
from pratique.decisions.windows import opening_at
from pratique.values._base import Value
from pratique.values.decision import Decision, Wait, all_of
from pratique.values.digest import Digest
from pratique.values.environment import Environment, environment_of
from pratique.values.evidence import PROVENANCE_PREDICATE
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.trust import Trusted


class Situation(Value):
    """Everything that a promotion is decided on, looked up before anything changes."""

    stored: StoredRelease
    environment: Environment
    origins: dict[str, str] | None
    """The repository that the operator's settings list for each service; None where any may name any."""
    trusted: tuple[Trusted, ...]
    """Whom the operator's settings trust for the environment; the evidence was verified against exactly these."""
    evidence: tuple[Gathered, ...]
    """What is attached to the release and to each of its images."""
    upstream: tuple[Promotion, ...] = ()
    """Promotions of the service in the environments that come before, as the ledger has them."""
    held: Digest | None = None
    """The release that the environment holds, as the ledger has it."""
    now: AwareDatetime

    def evidence_of(self, reference: ImageReference) -> Gathered:
        """What is attached to the image or release; nothing where nothing was gathered."""
        return next((found for found in self.evidence if found.reference == reference), Gathered(reference=reference))

    @property
    def chain(self) -> Chain:
        """The grants of the release that count."""
        return chain_of(self.stored, self.evidence_of(self.stored.reference), self.now)


def decide_promotion(situation: Situation) -> Decision:
    """Whether the release may enter the environment, with every reason why not."""
    return all_of(
        [
            environment_is_known(situation),
            service_is_from_its_repository(situation),
            somebody_is_trusted(situation),
            everything_is_signed(situation),
            everything_has_provenance(situation),
            upstream_has_granted(situation),
            upstream_grants_are_signed(situation),
            environment_is_open(situation),
        ]
    )


def decide_rollback(situation: Situation) -> Decision:
    """As `decide_promotion`, for a release that the environment has held before: nobody upstream is asked again.

    Nor is the clock: going back mends what is broken now, and that is not put off.
    """
    return all_of(
        [
            environment_is_known(situation),
            service_is_from_its_repository(situation),
            somebody_is_trusted(situation),
            everything_is_signed(situation),
            everything_has_provenance(situation),
            grant_here_is_signed(situation),
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
    return all_of([_is_signed(situation, reference) for reference in _release_and_images(situation)])


def everything_has_provenance(situation: Situation) -> Decision:
    """A trusted signer states that the release, and each image of it, was made of the release's commit."""
    return all_of([_has_provenance(situation, reference) for reference in _release_and_images(situation)])


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


def upstream_has_granted(situation: Situation) -> Decision:
    """Every environment that comes before has granted this very release, now or earlier."""
    stored, environment = situation.stored, situation.environment
    granted = {
        promotion.environment
        for promotion in situation.upstream
        if promotion.state is PromotionState.GRANTED
        and promotion.release == stored.digest
        and promotion.service == stored.release.service
    }
    return Decision(
        reasons=tuple(
            f"{stored.label} has not been granted in {before!r}, which {environment.name!r} comes after: promote it there"
            for before in environment.after
            if before not in granted
        )
    )


def upstream_grants_are_signed(situation: Situation) -> Decision:
    """Where the ledger says that an environment before has granted the release, a signed chain says so, too."""
    known = {promotion.environment for promotion in situation.upstream}
    chain = situation.chain
    verdicts = [chain.decide(before) for before in situation.environment.after if before in known]
    return Decision(reasons=tuple(reason for verdict in verdicts for reason in verdict.reasons))


def grant_here_is_signed(situation: Situation) -> Decision:
    """A signed chain says that the environment has granted the release before."""
    return situation.chain.decide(situation.environment.name)


def environment_is_open(situation: Situation) -> Decision:
    """A window of the environment is open, and no freeze closes it; a release that it holds already changes nothing there."""
    environment = situation.environment
    if situation.held == situation.stored.digest:
        return Decision()
    opening = opening_at(environment.windows, environment.freezes, situation.now)
    if opening.is_open:
        return Decision()
    return Decision(waits=(Wait(reason=f"{environment.name!r} is {opening.words}", until=opening.changes_at),))


def _release_and_images(situation: Situation) -> list[ImageReference]:
    stored = situation.stored
    return [stored.reference, *(image.reference for image in stored.release.images)]


def _is_signed(situation: Situation, reference: ImageReference) -> Decision:
    evidence = situation.evidence_of(reference)
    if evidence.is_signed:
        return Decision()
    return _no(
        f"{reference} is not signed by anyone whom {situation.environment.name!r} trusts: {evidence.why_not_signed()}"
        " (sign it by preparing its release again, or trust its signer)"
    )


def _has_provenance(situation: Situation, reference: ImageReference) -> Decision:
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
