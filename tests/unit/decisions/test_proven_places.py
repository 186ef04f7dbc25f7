"""What an environment holds: the ledger, the signed grants and what runs there, compared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pratique.decisions.proof_report import proof_report
from pratique.decisions.proven_places import place_proof
from pratique.values.digest import digest_of
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.proof import Proof
from pratique.values.workload import RunningContainer, WorkloadState
from tests.fakes.evidenced import BEGAN, evidenced

WHOLE = evidenced()
PROOF = WHOLE.prove()
HELD = Promotion(
    id="promotion-60",
    kind="promote",
    service="hello",
    environment="staging",
    release=WHOLE.stored.digest,
    commit=WHOLE.stored.release.commit.id,
    requested_by="webhook",
    state=PromotionState.GRANTED,
    fence=62,
    started_at=BEGAN,
    finished_at=BEGAN + timedelta(hours=1),
    evidence=WHOLE.digest("grant of staging"),
)
SERVING = RunningContainer(
    id="c" * 64, release=WHOLE.stored.digest, specification=digest_of(b"s"), fence=62, healthy=True, serving=True
)


def compared(held: Promotion = HELD, *containers: RunningContainer) -> Proof:
    return place_proof(PROOF, held, WorkloadState(containers=containers or (SERVING,), address="127.0.0.1:8080"), ())


def test_what_runs_is_what_was_granted() -> None:
    found = compared()
    assert found.problems == ()
    assert [part.kind for part in found.parts[-2:]] == ["ledger", "running"]
    assert "serves at 127.0.0.1:8080" in found.parts[-1].says


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another release": ({}, {"release": digest_of(b"other")}, "serves the release sha256:"),
    "one that is not healthy": ({}, {"healthy": False}, "what serves in 'staging' is not healthy"),
    "one that a later promotion put there": ({}, {"fence": 63}, "under the fence 63, later than 62"),
    "one that traffic does not reach": ({}, {"serving": False}, "nothing of hello serves in 'staging'"),
    "one without a signed grant": ({"evidence": None}, {}, "the ledger names no signed grant of what 'staging' holds"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_otherwise_is_told(case: str) -> None:
    held, container, reason = WRONG[case]
    found = compared(HELD.model_copy(update=held), SERVING.model_copy(update=container))
    assert len(found.problems) == 1
    assert reason in found.problems[0]
    assert not found.verified


def test_a_grant_that_the_ledger_does_not_know_is_told_and_is_no_fault() -> None:
    found = compared(HELD.model_copy(update={"evidence": digest_of(b"earlier")}))
    assert found.verified
    assert any("was signed, which the ledger does not know" in one for one in found.parts[-2].says)


def test_the_report_names_what_is_wrong_first_and_escapes_what_commits_say() -> None:
    found = compared(HELD, SERVING.model_copy(update={"healthy": False}))
    lines = proof_report(found).splitlines()
    assert lines[0].endswith("not verified")
    assert lines[2] == "- **wrong**: what serves in 'staging' is not healthy"
    assert "  - by Ada \\<ada@example.test\\>" in lines
    assert f"`pratique verify hello --release {WHOLE.stored.digest}`" in lines[-1]
