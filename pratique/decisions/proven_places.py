"""What an environment holds, as the ledger, the signed grants and what runs there tell it, each beside the others."""

from __future__ import annotations

from collections.abc import Sequence

from pratique.values.promotion import Promotion
from pratique.values.proof import Part, Proof
from pratique.values.ruling import Hold, Lift, SignedRuling
from pratique.values.workload import WorkloadState


def place_proof(proof: Proof, held: Promotion, state: WorkloadState, holds: Sequence[SignedRuling]) -> Proof:
    """The proof of the release that the ledger says is there, with what the ledger and the environment itself say."""
    return proof.model_copy(update={"parts": (*proof.parts, _ledger(proof, held, holds), _running(proof, held, state))})


def _ledger(proof: Proof, held: Promotion, holds: Sequence[SignedRuling]) -> Part:
    lifted = {one.ruling.hold for one in holds if isinstance(one.ruling, Lift)}
    says = [f"{held.kind} {held.id}, asked for by {held.requested_by or 'nobody known'}"]
    says += [
        f"held since {one.ruling.made_at:%Y-%m-%d %H:%M} UTC, after {one.ruling.commit[:12]}: {one.ruling.reason}"
        for one in holds
        if isinstance(one.ruling, Hold) and one.bundle not in lifted
    ]
    newest = _granted(proof, held.environment)
    wrong: list[str] = []
    if held.evidence is None:
        wrong.append(f"the ledger names no signed grant of what {held.environment!r} holds: promote it again")
    elif newest is not None and newest.digest != held.evidence:
        says.append(f"a newer grant {(newest.digest or '')[7:19]} was signed, which the ledger does not know")
    return Part(
        kind="ledger",
        name=held.environment,
        digest=held.evidence,
        at=held.finished_at,
        says=tuple(says),
        wrong=tuple(wrong),
    )


def _running(proof: Proof, held: Promotion, state: WorkloadState) -> Part:
    serving = state.serving
    if serving is None:
        return Part(
            kind="running", name=held.environment, wrong=(f"nothing of {proof.service} serves in {held.environment!r}",)
        )
    others = [one for one in state.containers if not one.serving]
    wrong = {
        f"{held.environment!r} serves the release {serving.release}, and not {proof.release}, which it holds": (
            serving.release != proof.release
        ),
        f"what serves in {held.environment!r} is not healthy": not serving.healthy,
        f"what serves in {held.environment!r} was put there under the fence {serving.fence}, later than {held.fence}": (
            held.fence is not None and serving.fence > held.fence
        ),
    }
    says = [f"serves at {state.address}"] if state.address else []
    says += [f"beside it {one.id[:12]} of {one.release[7:19]}" for one in others]
    return Part(
        kind="running",
        name=held.environment,
        says=(f"container {serving.id[:12]}, fence {serving.fence}", *says),
        wrong=tuple(reason for reason, is_wrong in wrong.items() if is_wrong),
    )


def _granted(proof: Proof, environment: str) -> Part | None:
    return next((part for part in proof.parts if part.kind == "environment" and part.name == environment), None)
