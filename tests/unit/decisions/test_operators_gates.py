"""What the operator demands does not depend on what the service says: in every case the manifest is the attacker's."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from pratique.clients.policy_files import shipped_gates, shipped_modules
from pratique.decisions.chain import chain_of
from pratique.decisions.evidence import Gathered
from pratique.decisions.facts import facts_of
from pratique.decisions.judging import judged_of
from pratique.decisions.provenance import signature_statement
from pratique.decisions.situation import Situation
from pratique.values.digest import digest_of
from pratique.values.environment import environment_of
from pratique.values.evidence import KeySigner, VerifiedStatement
from pratique.values.manifest import Manifest
from pratique.values.plan import Plan
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from pratique.values.requirements import Requirements
from pratique.values.trust import TrustedKey
from tests.fakes.grants import BEGAN, granted, signed
from tests.fakes.policy_input import IN_PROCESS
from tests.fakes.rulings import PEOPLE, POLICY
from tests.fakes.stored_release import MANIFEST, stored_release

SHIPPED = tuple(module for module in shipped_modules() if not module.path.endswith("_test.rego"))
NOW = BEGAN + timedelta(minutes=10)

MANIFESTS: dict[str, dict[str, Any]] = {
    "prod comes after nothing": {"prod": {}},
    "prod comes after nothing, and asks for nothing": {"dev": {}, "staging": {}, "prod": {"after": []}},
    "prod comes after what lets everything in": {"open": {}, "prod": {"after": ["open"]}},
    "prod asks for less": {
        "staging": {},
        "prod": {
            "gates": {
                "soak": "1s",
                "approvals": {"from": ["ada"], "not_author": False, "clicks": True},
                "vulnerabilities": {"critical": 100_000},
                "licences": {"allow": ["*"], "unknown": "allow"},
                "signed_by": ["*"],
            },
            "after": ["staging"],
        },
    },
}
"""What a developer may write into `pratique.yaml`."""

DEMANDS: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "an environment before": ({}, ("staging",), "has not been granted in 'staging', which 'prod' comes after"),
    "one that no manifest knows": ({}, ("elsewhere",), "has not been granted in 'elsewhere', which 'prod' comes after"),
    "a soak": (
        {"soak": "1h"},
        (),
        "the operator asks that .* none comes before|gates.soak of the operator",
    ),
    "a soak after an environment": ({"soak": "1h"}, ("staging",), "nothing proves since when 'staging' has had"),
    "approvals": ({"approvals": {"required": 2, "from": ["bob", "cy"]}}, (), "approvals that the operator asks for"),
    "vulnerabilities": ({"vulnerabilities": {"critical": 0}}, (), "gate vulnerabilities: "),
    "licences": ({"licences": {"allow": ["MIT"]}}, (), "gate licences: "),
    "signatures": ({"signed_by": ["release@example.test"]}, (), "the operator asks for a signature by release@example.test"),
}


def attacked(environments: dict[str, Any]) -> StoredRelease:
    """A release whose manifest is the attacker's, signed by the pipeline like any other."""
    manifest = Manifest.model_validate({**MANIFEST.model_dump(mode="json", by_alias=True), "environments": environments})
    stored = stored_release()
    return stored.model_copy(update={"release": stored.release.model_copy(update={"manifest": manifest})})


def said(stored: StoredRelease, gates: dict[str, Any], pinned: tuple[str, ...]) -> str:
    """Everything that speaks against it, or lets it wait; it is granted wherever its own manifest has it come first."""
    first = {
        name: signed(stored, granted(stored, name, 0, {})) for name in ("open",) if name in stored.release.manifest.environments
    }
    gathered = Gathered(reference=stored.reference, verified=(*first.values(), signature(stored.reference)))
    references = [image.reference for image in stored.release.images]
    images = [Gathered(reference=reference, verified=(signature(reference),)) for reference in references]
    situation = Situation(
        stored=stored,
        environment=environment_of(stored.release.manifest, "prod"),
        origins=None,
        trusted=(TrustedKey(pem="k"),),
        evidence=(gathered, *images),
        chain=chain_of(stored, gathered, NOW),
        upstream=tuple(promotion(stored, name) for name in first),
        asked_by_operator=Requirements.model_validate(gates),
        pinned=pinned,
        people=PEOPLE,
        plan=Plan(reason="shown"),
        policy=POLICY,
        now=NOW,
    )
    facts = facts_of(situation)
    decision = judged_of(situation, facts, IN_PROCESS.evaluate(SHIPPED, facts), shipped_gates()).decision
    return "\n".join((*decision.reasons, *(wait.reason for wait in decision.waits)))


def signature(reference: ImageReference) -> VerifiedStatement:
    statement = signature_statement(reference.repository, reference.digest)
    return VerifiedStatement(statement=statement, signer=KeySigner(hint="k"), bundle=digest_of(statement.payload()))


def promotion(stored: StoredRelease, name: str) -> Promotion:
    return Promotion(
        id=name,
        kind="promote",
        service="hello",
        environment=name,
        release=stored.digest,
        commit=stored.release.commit.id,
        requested_by="mallory",
        state=PromotionState.GRANTED,
        started_at=BEGAN,
    )


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("demand", DEMANDS)
def test_what_the_operator_demands_no_manifest_voids(demand: str, manifest: str) -> None:
    gates, pinned, reason = DEMANDS[demand]
    found = said(attacked(MANIFESTS[manifest]), gates, pinned)
    assert re.search(reason, found), found
